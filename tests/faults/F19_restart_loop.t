# F19: PostgreSQL is restarted over and over: the dispatcher stays, and says little about it.
use strict;
use warnings;
use Herald::Fault qw(finish_load start_faulty);
use Herald::Fixture qw(start_dispatcher);
use Herald::Load;
use Test::More;
use Time::HiRes qw(sleep time);

my ($cluster, $sandbox) = start_faulty('F19');
my $dispatcher = start_dispatcher($cluster, $sandbox);
my $load = Herald::Load->start($cluster, senders => 1);
my $lines = () = $dispatcher->log =~ /\n/g;
my $started = time;
for my $n (1 .. 30)
{
    my $rest = $started + 2 * $n - time;
    sleep $rest if $rest > 0;
    $cluster->restart;
}
my $seconds = time - $started;
$lines = (() = $dispatcher->log =~ /\n/g) - $lines;
diag(sprintf 'F19: %d log lines in %.0f s', $lines, $seconds);
cmp_ok($lines, '<=', $seconds + 5, 'at most a line a second is logged');
finish_load($cluster, $sandbox, $load, 'F19');
ok($dispatcher->is_alive, 'the dispatcher has survived');
is($dispatcher->stop, 0, 'and ends well');
done_testing();
