# Mail fails altogether; do text messages notice?
package Bench::Failing;

use strict;
use warnings;
use Bench::Load qw(latencies_ms percentile run_load start_load);
use Bench::Rig;
use Bench::Server qw(data_dir query reset_traffic);

use constant RATE => 200;
use constant BASELINE_S => 120;

sub measure
{
    my ($figures, $seconds) = @_;
    my $baseline_s = $seconds < BASELINE_S ? $seconds : BASELINE_S;
    my $well = run('well', $baseline_s, []);
    my $failing = run('failing', $seconds,
        [ { match => { provider => 'sendgrid' }, fault => 'status', status => 503 } ]);
    die "bench: mails were delivered\n"
      if query(q{select count(*) from herald.delivery where channel = 'email' and state = 'sent'});
    $figures->{failing} = {
        well => $well,
        failing => $failing,
        attempts_failed => query(q{select count(*) from herald.attempt where class <> 'accepted'}),
        waiting_in_outbox => query('select count(*) from herald.outbox'),
        waiting_in_retry => query('select count(*) from herald.retry') };
    $figures->{failing_latency_ratio} = $failing->{latency_p99_ms} / $well->{latency_p99_ms};
    return;
}

sub run
{
    my ($mode, $seconds, $script) = @_;
    print "failing: mail is $mode, ${\RATE}/s of each for $seconds s\n";
    reset_traffic();
    my $rig = Bench::Rig->start(sandbox => ['--log=full']);
    $rig->sandbox->script($script) if @$script;
    my $commits = data_dir() . "/commits.$mode";
    my $mails = start_load(template => 'bench_mail', rate => RATE, seconds => $seconds);
    my $texts = run_load(rate => RATE, seconds => $seconds, commits => $commits);
    $mails->finish;
    $rig->wait_accepted('bench', $texts->{sent}, 60);
    my @latencies = latencies_ms($rig, $commits);
    $rig->stop;
    return {
        latency_p50_ms => percentile(0.5, @latencies),
        latency_p99_ms => percentile(0.99, @latencies) };
}

1;
