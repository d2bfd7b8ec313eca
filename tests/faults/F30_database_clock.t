# F30: the wall clock of the database host jumps forth and back under load: no lease expires, nothing
# is given up, nothing new waits.
use strict;
use warnings;
use Herald::Fault qw(finish_load report_first start_faulty with_preload);
use Herald::Fixture qw(start_dispatcher state_of);
use Herald::Load;
use Herald::Util qw(slurp wait_for);
use Test::More;
use Time::HiRes qw(sleep time);

my $clock = "$ENV{TESTDIR}/clock";
local $ENV{HERALD_CLOCK} = $clock;

sub set_clock
{
    my ($seconds) = @_;
    open my $file, (-e $clock ? '+<' : '>'), $clock or die "$clock: $!";
    syswrite $file, pack 'q', $seconds;
    return;
}

set_clock(0);
my ($cluster, $sandbox) = start_faulty('F30');
with_preload('clock', sub { $cluster->restart });
my @dispatchers = map { start_dispatcher($cluster, $sandbox, name => $_) } qw(one two);
my $epochs = q{select count(*) from herald.dispatcher where gone_at is null};
$sandbox->script([ { percent => 30, fault => 'delay', delay_ms => 2000 },
    { percent => 10, fault => 'status', status => 503 } ]);
my $is_off = sub { sprintf '%.0f', $cluster->sql('select extract(epoch from clock_timestamp())') - time };

# What is due half an hour from now is due when the clock says so, and not before.
my $send_later = sub { $cluster->sql(qq{select herald.notify_send('t', 'r', '{"n": "later"}',
    send_at => clock_timestamp() + '30 min')}) };
my $later = $send_later->();
for my $jump (3600, 0, -3600, 0)
{
    my $load = Herald::Load->start($cluster);
    my $before = $sandbox->count;
    wait_for('requests', sub { $sandbox->count >= $before + 40 });
    set_clock($jump);
    my $at = time;
    cmp_ok(abs($is_off->() - $jump), '<=', 1, "the server's clock is off by $jump s");
    report_first($sandbox, "F30 $jump s", $at, 4);
    sleep 4;
    $load->stop;
    is(state_of($cluster, $later), 'sent', 'what was scheduled is sent when the clock says so') if $jump == 3600;
    is($cluster->sql($epochs), 2, 'no lease has expired');
    is($cluster->sql(q{select count(*) from herald.attempt where class = 'lease_lost'}), 0, 'no claim was taken back');
    is($cluster->sql(q{select count(*) from herald.delivery where state in ('dead', 'expired')}), 0,
        'nothing was given up');
    wait_for('the outbox to drain', sub { $cluster->sql('select count(*) from herald.outbox') == 0 });
    pass('nothing is stuck in the outbox');
}
for my $step (3600, -3600)
{
    like(slurp($cluster->logfile), qr/WARNING:  the clock was moved by ($step|${\($step - 1)}|${\($step + 1)}) s/,
        'the server logs the step');
}
finish_load($cluster, $sandbox, Herald::Load->start($cluster), 'F30');
is($_->stop, 0, 'a dispatcher ends well') for @dispatchers;
done_testing();
