# Senders: the program load, pgbench, and statistics of what they say.
package Bench::Load;

use strict;
use warnings;
use Bench::Server qw(RECIPIENTS data_dir query);
use Exporter 'import';
use Herald::Util qw(run_quietly slurp);
use JSON::PP qw(decode_json);
use List::Util qw(max);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(start_load run_load run_paced pgbench_rate SEND_SCRIPT fill median percentile
  latencies_ms steady);

use constant SEND_SCRIPT => '\set r random(0, ' . (RECIPIENTS - 1) . ")\n"
  . "select herald.notify_send('bench', 'bench-' || :r, '{\"n\": 1}');\n";

my $number = 0;

# start_load(clients =>, each =>, rate =>, seconds =>, stay_ms =>, template =>, priority =>, commits => FILE,
# takes_orders => 1): starts senders in the background; finish returns what they say.
sub start_load
{
    my (%with) = @_;
    my %letters = (clients => 'c', each => 'n', rate => 'r', seconds => 't', stay_ms => 'w',
        template => 'm', priority => 'p', commits => 'l');
    my @args = map { defined $with{$_} ? ("-$letters{$_}", $with{$_}) : () } sort keys %letters;
    push @args, '-a' if $with{takes_orders};
    my $self = bless { output => data_dir() . '/load.' . $number++ }, __PACKAGE__;
    $self->{pid} = open $self->{orders}, '|-',
      "exec $ENV{HERALD_TESTS}/bench/load @args 'host=$ENV{PGHOST}' >$self->{output}"
      or die "load: $!\n";
    $self->{orders}->autoflush(1);
    return $self;
}

sub finish
{
    my ($self) = @_;
    waitpid $self->{pid}, 0;
    die "bench: load failed\n" if $?;
    close $self->{orders};
    return decode_json(slurp($self->{output}));
}

sub is_running { return waitpid($_[0]->{pid}, POSIX::WNOHANG()) == 0 }

sub run_load { return start_load(@_)->finish }

# Sends as fast as the rig delivers: at most so many may be on their way. Calls back many times a
# second with how many have been delivered.
sub run_paced
{
    my ($rig, $depth_max, $each_look, %with) = @_;
    local $SIG{PIPE} = 'IGNORE';
    my $before = $rig->recorded;
    my $load = start_load(%with, takes_orders => 1);
    my $end = time + $with{seconds};
    while (time < $end)
    {
        my $delivered = $rig->recorded - $before;
        my $orders = $load->{orders};
        print $orders $delivered + $depth_max . "\n";
        $each_look->($delivered) if $each_look;
        sleep 0.1;
    }
    return $load->finish;
}

sub pgbench_rate
{
    my ($script, $clients, $seconds) = @_;
    my $file = data_dir() . '/script.sql';
    open my $handle, '>', $file or die "$file: $!\n";
    print $handle $script;
    close $handle or die "$file: $!\n";
    my $output = run_quietly("pgbench -n -M prepared -f $file -c $clients -j 2 -T $seconds postgres");
    my ($tps) = $output =~ /tps = ([\d.]+)/ or die "bench: $output";
    return $tps;
}

# So many pending deliveries of a template, a thousand a transaction.
sub fill
{
    my ($rows, $template) = @_;
    my $calls = $rows / RECIPIENTS;
    $template //= 'bench';
    query(qq{do \$\$ begin
        for c in 1..$calls loop
            perform from bench_recipients r, herald.notify_send_many('$template', r.ids,
                jsonb_build_object('n', c));
            commit;
        end loop; end \$\$});
    return;
}

sub percentile
{
    my ($share, @values) = @_;
    @values = sort { $a <=> $b } @values;
    return @values ? $values[ $share * $#values + 0.5 ] : undef;
}

sub median { return percentile(0.5, @_) }

# From the commits that load noted to the arrivals at the rig's sandbox; dies when one is missing.
sub latencies_ms
{
    my ($rig, $commits) = @_;
    my $arrived = $rig->arrivals;
    my %committed = split /\s+/, slurp($commits);
    my $missing = grep { !defined $arrived->{$_} } keys %committed;
    die "bench: $missing did not arrive\n" if $missing;
    return map { max(0, $arrived->{$_} - $committed{$_}) / 1000 } keys %committed;
}

# A rate for some time, after a warm-up: what was delivered, and how long claims took.
sub steady
{
    my ($rig, %with) = @_;
    my $warm_s = delete $with{warm_s} // 2;
    my $load = start_load(%with, seconds => $with{seconds} + $warm_s);
    sleep $warm_s;
    my ($claims, $recorded, $start) = ($rig->claims, $rig->recorded, time);
    my $end = $start + $with{seconds} - 0.5;
    while ((my $left = $end - time) > 0)
    {
        sleep($left < 60 ? $left : 60);
        printf "  %d of %d s: %d delivered\n", time - $start, $with{seconds}, $rig->recorded - $recorded
          if $end - time > 1;
    }
    my $rate = ($rig->recorded - $recorded) / (time - $start);
    my $later = $rig->claims;
    return {
        delivered_per_s => $rate,
        claim_p50_ms => Bench::Rig::claim_percentile_ms(0.5, $claims, $later),
        claim_p99_ms => Bench::Rig::claim_percentile_ms(0.99, $claims, $later),
        load => $load->finish };
}

1;
