# What a delivery costs, from send to record, at several lengths of history.
package Bench::Growth;

use strict;
use warnings;
use Bench::History qw(add_delivered);
use Bench::Load qw(fill median);
use Bench::Rig;
use Bench::Server qw(query reset_traffic server_cpu_us table_bytes wal_bytes);
use List::Util qw(max);

use constant ROUNDS => 7;
use constant ROUND_ROWS => 30_000;

# Histories of a thousandth, a tenth and all of so many deliveries.
sub measure
{
    my ($figures, $longest) = @_;
    reset_traffic();
    my %costs;
    my ($shortest, @longer) = map { int $longest / $_ } 1000, 10, 1;
    for my $wanted ($shortest, @longer)
    {
        print "growth: history of $wanted\n";
        my $missing = $wanted - query('select count(*) from herald.delivery');
        add_delivered($missing) if $missing > 0;
        query('checkpoint');
        $costs{$wanted} = cost();
    }
    $figures->{growth} = \%costs;
    for my $what (qw(postgres_us dispatcher_us wal_bytes table_bytes))
    {
        $figures->{growth_ratio}{$what} = max(map { $costs{$_}{$what} } @longer) / $costs{$shortest}{$what};
    }
    return;
}

# Medians of some rounds with one dispatcher.
sub cost
{
    my $rig = Bench::Rig->start;
    my %costs;
    round($rig, {});
    round($rig, \%costs) for 1 .. ROUNDS;
    $rig->stop;
    return { map { $_ => median(@{ $costs{$_} }) } keys %costs };
}

sub round
{
    my ($rig, $costs) = @_;
    my %counters = (
        postgres_us => \&server_cpu_us,
        dispatcher_us => sub { $rig->cpu },
        wal_bytes => \&wal_bytes,
        table_bytes => sub { table_bytes('^(?:notification|delivery|attempt)_') });
    my $recorded = $rig->recorded;
    my %before = map { $_ => $counters{$_}->() } keys %counters;
    fill(ROUND_ROWS);
    $rig->wait_recorded($recorded + ROUND_ROWS, 120);
    push @{ $costs->{$_} }, ($counters{$_}->() - $before{$_}) / ROUND_ROWS for keys %counters;
    return;
}

1;
