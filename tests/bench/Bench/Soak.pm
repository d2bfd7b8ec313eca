# Hours at one rate; each minute is a line in build/soak.txt.
package Bench::Soak;

use strict;
use warnings;
use Bench::Load qw(start_load median);
use Bench::Process qw(anonymous_mb rss_mb);
use Bench::Rig;
use Bench::Server qw(query reset_traffic server_cpu_us table_bytes);
use List::Util qw(max min);
use POSIX qw(strftime);
use Time::HiRes qw(sleep time);

use constant RATE => 2000;

my @columns = qw(second delivered_per_s waiting dispatcher_mb backends_mb descriptors outbox_mb
  retry_mb total_mb claim_p99_ms latency_p99_ms);

# with: seconds, every_s
sub measure
{
    my ($figures, %with) = @_;
    reset_traffic();
    my $rig = Bench::Rig->start;
    open my $file, '>>', "$ENV{HERALD_ROOT}/build/soak.txt" or die "soak.txt: $!\n";
    $file->autoflush(1);
    say_to($file, strftime("soak of %Y-%m-%d %H:%M UTC, ${\RATE}/s", gmtime));
    say_to($file, join ' ', map { sprintf '%15s', $_ } @columns);
    my $load = start_load(clients => 4, rate => RATE, seconds => $with{seconds});
    my $start = my $last_look = time;
    my ($recorded, $claims, @samples) = ($rig->recorded, $rig->claims);
    for my $number (1 .. $with{seconds} / $with{every_s})
    {
        sleep max(0, $start + $number * $with{every_s} - time);
        my $sample = sample($rig, $claims);
        my ($now, $so_far) = (time, $rig->recorded);
        $sample->{second} = $now - $start;
        $sample->{delivered_per_s} = ($so_far - $recorded) / ($now - $last_look);
        ($last_look, $recorded, $claims) = ($now, $so_far, $rig->claims);
        push @samples, $sample;
        say_to($file, join ' ', map { sprintf '%15.1f', $sample->{$_} } @columns);
    }
    my $sent = $load->finish->{sent};
    $rig->wait_recorded($sent, 60);
    $rig->stop;
    close $file or die "soak.txt: $!\n";
    $figures->{soak} = summary(@samples);
    $figures->{soak}{lost} = $sent - query(q{select count(*) from herald.delivery where state = 'sent'});
    return;
}

sub say_to
{
    my ($file, $line) = @_;
    print $file "$line\n";
    print "$line\n";
    return;
}

sub sample
{
    my ($rig, $claims) = @_;
    my $pid = $rig->dispatcher->pid;
    my @backends = split /\n/,
      query(q{select pid from pg_stat_activity where application_name like 'herald-dispatcher%'});
    return {
        waiting => query('select count(*) from herald.outbox'),
        dispatcher_mb => rss_mb($pid),
        backends_mb => anonymous_mb(@backends),
        descriptors => $rig->gauge('herald_open_files'),
        outbox_mb => table_bytes('^outbox') / 1e6,
        retry_mb => table_bytes('^retry$') / 1e6,
        total_mb => table_bytes('.') / 1e6,
        claim_p99_ms => Bench::Rig::claim_percentile_ms(0.99, $claims, $rig->claims),
        latency_p99_ms => latency_p99_ms() };
}

# From notify_send to the request, of those of the last ten seconds but one.
sub latency_p99_ms
{
    return query(q{select coalesce(1000 * percentile_cont(0.99) within group
            (order by extract(epoch from a.started_at - d.created_at)), 0)
        from herald.delivery d
        join herald.attempt a on a.id = d.id and a.bucket = d.bucket
        where d.id >= herald.id_floor(now() - interval '10 seconds')
          and d.id < herald.id_floor(now() - interval '1 second')
          and a.id >= herald.id_floor(now() - interval '10 seconds')});
}

# Medians of the first and of the last third.
sub summary
{
    my (@samples) = @_;
    my $third = int((@samples + 2) / 3);
    my %summary;
    for my $column (grep { $_ ne 'second' } @columns)
    {
        $summary{$column} = {
            first => median(map { $_->{$column} } @samples[ 0 .. $third - 1 ]),
            last => median(map { $_->{$column} } @samples[ -$third .. -1 ]) };
    }
    return \%summary;
}

1;
