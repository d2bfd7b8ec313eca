# Login codes and normal messages of one sender, alone and beside a backlog of another one that is being
# delivered all the time.
package Bench::Fairness;

use strict;
use warnings;
use Bench::Load qw(fill start_load);
use Bench::Rig;
use Bench::Server qw(query reset_traffic);
use Time::HiRes qw(time);

use constant RATE => 50;
use constant SENDER => 'bench_bank';

sub measure
{
    my ($figures, $rows, $seconds) = @_;
    query('create role ' . SENDER . ' login in role herald_sender') unless query("select 1 from pg_roles where rolname = '${\SENDER}'");
    die "bench: both senders have the same lane\n"
      if query("select herald.lane('${\SENDER}') = herald.lane(session_user)") eq 't';
    $figures->{fairness} = {
        alone => run('nothing waits', 0, $seconds),
        backlog => run("$rows rows of another sender wait", $rows, $seconds) };
    return;
}

sub run
{
    my ($mode, $rows, $seconds) = @_;
    print "fairness: $mode, ${\RATE}/s urgent and normal each for $seconds s\n";
    reset_traffic();
    fill($rows);
    query('vacuum analyze herald.notification');
    query('checkpoint');
    my $rig = Bench::Rig->start;
    $rig->wait_recorded($rows / 50, 60);
    my ($before, $start) = ($rig->recorded, time);
    my $sent = send_both($seconds);
    my $others_per_s = ($rig->recorded - $before - $sent) / (time - $start);
    die "bench: the backlog was delivered before the end\n"
      if $rows && query('select count(*) from herald.outbox where epoch is null') == 0;
    my $pending = "select count(*) from herald.delivery_status d join herald.notification n on n.id = d.notification"
      . " where n.sender = '${\SENDER}' and d.state <> 'sent'";
    $rig->wait_until(60, sub { query($pending) == 0 });
    my %figures = (latencies(), $rows ? (others_per_s => $others_per_s) : ());
    $rig->stop;
    return \%figures;
}

# Both kinds from sessions of their own; returns how many were sent.
sub send_both
{
    my ($seconds) = @_;
    local $ENV{PGUSER} = SENDER;
    my @loads = map { start_load(rate => RATE, seconds => $seconds, priority => $_) } qw(urgent normal);
    my $sent = 0;
    $sent += $_->finish->{sent} for @loads;
    return $sent;
}

# From the send to the start of the request, by the clock that all of them share.
sub latencies
{
    my %figures;
    for my $priority (qw(urgent normal))
    {
        my ($p50, $p99) = split /\|/, query(qq{
            select percentile_disc(0.5) within group (order by w.ms), percentile_disc(0.99) within group (order by w.ms)
              from (select 1000 * extract(epoch from a.started_at - n.created_at)::float8
                      from herald.notification n
                      join herald.attempt a on a.id = n.deliveries[1] and a.bucket = n.bucket
                     where n.sender = '${\SENDER}' and n.priority = '$priority') as w (ms)});
        @figures{ "${priority}_p50_ms", "${priority}_p99_ms" } = ($p50, $p99);
    }
    return %figures;
}

1;
