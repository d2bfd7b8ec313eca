# F17: the postmaster is killed; its children end by themselves, its lock file and memory stay behind.
use strict;
use warnings;
use Herald::Fault qw(finish_load report_first start_faulty);
use Herald::Fixture qw(start_dispatcher);
use Herald::Load;
use Herald::Util qw(wait_for);
use Test::More;
use Time::HiRes qw(sleep time);

my ($cluster, $sandbox) = start_faulty('F17');
my $dispatcher = start_dispatcher($cluster, $sandbox);
my $load = Herald::Load->start($cluster);
for my $n (1 .. 3)
{
    sleep 1 + rand;
    $cluster->kill9;
    ok(-e $cluster->data_dir . '/postmaster.pid', 'a stale lock file is left');
    # Refused while a child still holds the shared memory.
    wait_for('the server to start', sub { $cluster->{_pid} = undef; $cluster->start(fail_ok => 1) });
    report_first($sandbox, "F17 kill $n", time, 4);
}
finish_load($cluster, $sandbox, $load, 'F17');
ok($dispatcher->is_alive, 'the dispatcher has survived');
is($dispatcher->stop, 0, 'and ends well');
done_testing();
