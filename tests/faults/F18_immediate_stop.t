# F18: PostgreSQL stops without a checkpoint, several times, under load.
use strict;
use warnings;
use Herald::Fault qw(finish_load report_first start_faulty);
use Herald::Fixture qw(start_dispatcher);
use Herald::Load;
use Test::More;
use Time::HiRes qw(sleep time);

my ($cluster, $sandbox) = start_faulty('F18');
# A claim that a crash takes back would be sent twice: the dispatcher does not heed this.
$cluster->sql('alter role dispatcher set synchronous_commit = off');
my $dispatcher = start_dispatcher($cluster, $sandbox);
my $load = Herald::Load->start($cluster);
for my $n (1 .. 5)
{
    sleep 1.5;
    my $down = time;
    $cluster->stop('immediate');
    $cluster->start;
    my $up = time;
    diag(sprintf 'F18: down for %.2f s', $up - $down);
    report_first($sandbox, "F18 stop $n", $up, 4);
}
finish_load($cluster, $sandbox, $load, 'F18');
ok($dispatcher->is_alive, 'the dispatcher has survived');
is($dispatcher->stop, 0, 'and ends well');
done_testing();
