# F16: a backend of the dispatcher is killed, with which PostgreSQL ends every session and recovers.
use strict;
use warnings;
use Herald::Fault qw(backend finish_load report_first start_faulty);
use Herald::Fixture qw(start_dispatcher);
use Herald::Load;
use Herald::Util qw(slurp wait_for);
use Test::More;
use Time::HiRes qw(sleep time);

my ($cluster, $sandbox) = start_faulty('F16');
my $dispatcher = start_dispatcher($cluster, $sandbox);
my $load = Herald::Load->start($cluster);
for my $role (qw(claim record control tick claim record))
{
    sleep 1 + rand;
    my $pid = wait_for("session $role", sub { backend($cluster, $role) });
    is(kill('KILL', $pid), 1, "backend $role is killed");
    wait_for('the server', sub { eval { $cluster->sql("select not exists (select from pg_stat_activity where pid = $pid)") } eq 't' });
    report_first($sandbox, "F16 $role", time, 4);
}
cmp_ok(scalar(() = slurp($cluster->logfile) =~ /terminated by signal 9/g), '>=', 6, 'the server has recovered each time');
finish_load($cluster, $sandbox, $load, 'F16');
ok($dispatcher->is_alive, 'the dispatcher has survived');
is($dispatcher->stop, 0, 'and ends well');
done_testing();
