# A steady rate while somebody holds an old snapshot or a transaction id, and while many deliveries
# wait in retry: throughput and claims compared with the same run without.
package Bench::Flat;

use strict;
use warnings;
use Bench::History qw(add_waiting);
use Bench::Load qw(steady);
use Bench::Rig;
use Bench::Server qw(hold_transaction query reset_traffic table_bytes);

my %holders = (
    reader => [ 'repeatable read', 'select 1' ],
    writer => [ 'read committed', 'create temp table held as select 1' ]);

# with: rate, seconds
sub measure
{
    my ($figures, %with) = @_;
    my %runs;
    for my $mode (qw(baseline reader writer))
    {
        print "flat: $mode, $with{rate}/s for $with{seconds} s\n";
        reset_traffic();
        my $holder = $holders{$mode} ? hold_transaction(@{ $holders{$mode} }) : undef;
        $runs{$mode} = run(%with);
        close $holder if $holder;
    }
    $figures->{flat} = \%runs;
    my $base = $runs{baseline};
    for my $pair ([ reader => 'old_snapshot' ], [ writer => 'writer_snapshot' ])
    {
        my ($mode, $key) = @$pair;
        $figures->{"${key}_ratio"} = $runs{$mode}{delivered_per_s} / $base->{delivered_per_s};
        $figures->{"${key}_claim_ratio"} = $runs{$mode}{claim_p99_ms} / $base->{claim_p99_ms};
    }
    return;
}

# One run of a steady rate with a fresh dispatcher.
sub run
{
    my (%with) = @_;
    my $rig = Bench::Rig->start;
    my $steady = steady($rig, clients => 4, each => 10, %with);
    my $sent = delete $steady->{load};
    $steady->{sizes_mb} = sizes_mb();
    $steady->{send_p99_ms} = $sent->{p99_ms};
    $steady->{left} = $sent->{sent} - $rig->recorded;
    $rig->stop;
    return $steady;
}

sub sizes_mb
{
    my %patterns = (outbox => '^outbox', retry => '^retry$', total => '.');
    return { map { $_ => table_bytes($patterns{$_}) / 1e6 } keys %patterns };
}

# with: rate, seconds, scheduled, retrying
sub measure_backlog
{
    my ($figures, %with) = @_;
    my ($scheduled, $retrying) = delete @with{qw(scheduled retrying)};
    print "backlog: baseline, $with{rate}/s for $with{seconds} s\n";
    reset_traffic();
    my $base = run(%with);
    print "backlog: making $scheduled scheduled and $retrying retrying deliveries\n";
    reset_traffic();
    add_waiting('scheduled', $scheduled, '7 days', 0);
    add_waiting('retry', $retrying, '1 day', 1);
    query('checkpoint');
    print "backlog: the same with these waiting\n";
    my $with_backlog = run(%with);
    $figures->{backlog} = { baseline => $base, waiting => $with_backlog };
    $figures->{backlog_ratio} = $with_backlog->{claim_p99_ms} / $base->{claim_p99_ms};
    $figures->{backlog_throughput_ratio} = $with_backlog->{delivered_per_s} / $base->{delivered_per_s};
    return;
}

1;
