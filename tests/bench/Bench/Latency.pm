# From the return of COMMIT at the sender to the request at the sandbox.
package Bench::Latency;

use strict;
use warnings;
use Bench::Load qw(latencies_ms percentile run_load steady);
use Bench::Rig;
use Bench::Server qw(data_dir query reset_traffic);

use constant RATE => 200;
use constant STAY_RATE => 500;

sub start_rig
{
    reset_traffic();
    my $rig = Bench::Rig->start(sandbox => ['--log=full']);
    query(q{select herald.notify_send('bench', 'bench-0', '{"n": "warm"}')});
    $rig->wait_recorded(1, 60);
    return $rig;
}

sub measure
{
    my ($figures, $seconds) = @_;
    print "latency: ${\RATE}/s for $seconds s\n";
    my $rig = start_rig();
    my $commits = data_dir() . '/commits';
    my $sent = run_load(rate => RATE, seconds => $seconds, commits => $commits);
    $rig->wait_recorded($sent->{sent} + 1, 60);
    my @latencies = latencies_ms($rig, $commits);
    $figures->{latency_p50_ms} = percentile(0.5, @latencies);
    $figures->{latency_p99_ms} = percentile(0.99, @latencies);
    $rig->stop;
    return;
}

# Senders that go on with something else for 50 ms before they commit.
sub measure_stay
{
    my ($figures, $seconds) = @_;
    print "stay: ${\STAY_RATE}/s, transactions of 50 ms, $seconds s\n";
    my $rig = start_rig();
    my $commits = data_dir() . '/commits.stay';
    my $steady = steady($rig, rate => STAY_RATE, clients => 64, stay_ms => 50, seconds => $seconds,
        commits => $commits);
    $rig->wait_recorded($steady->{load}{sent} + 1, 60);
    my @latencies = latencies_ms($rig, $commits);
    $figures->{stay_50_ms} = {
        latency_p50_ms => percentile(0.5, @latencies),
        latency_p99_ms => percentile(0.99, @latencies),
        claim_p99_ms => $steady->{claim_p99_ms} };
    $rig->stop;
    return;
}

1;
