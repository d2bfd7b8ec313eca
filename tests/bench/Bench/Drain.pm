# A backlog is delivered, then the same requests leave from the bare loop; what a delivery costs.
package Bench::Drain;

use strict;
use warnings;
use Bench::Load qw(fill);
use Bench::Process qw(peak_rss_mb);
use Bench::Rig;
use Bench::Server qw(query reset_traffic server_cpu_us wal_bytes);
use Herald::Util qw(run_quietly wait_for);
use List::Util qw(max);
use Time::HiRes qw(time);

sub measure
{
    my ($figures, $rows) = @_;
    print "drain: $rows deliveries\n";
    reset_traffic();
    my $wal = wal_bytes();
    fill($rows);
    deliver($figures, $rows);
    $figures->{wal_bytes_per_delivery} = int((wal_bytes() - $wal) / $rows);
    die "bench: not all was sent\n"
      if query(q{select count(*) from herald.delivery where state = 'sent'}) != $rows;
    run_bare($figures, $rows);
    $figures->{drain_ratio} = $figures->{drain_per_s} / $figures->{bare_per_s};
    return;
}

sub deliver
{
    my ($figures, $rows) = @_;
    my $cpu = server_cpu_us();
    my $rig = Bench::Rig->start;
    $figures->{drain_per_s} = int($rows / ($rig->wait_recorded($rows, 600) - $rig->started));
    $figures->{cpu_us_per_delivery} = {
        postgres => (server_cpu_us() - $cpu) / $rows,
        dispatcher => $rig->cpu / $rows };
    $rig->stop;
    return;
}

sub run_bare
{
    my ($figures, $rows) = @_;
    my $sandbox = Bench::Rig->start_sandbox('--fast');
    query(q{drop table if exists bare;
            create table bare (id bigint primary key, claimed boolean not null, body text not null)});
    query(qq{insert into bare select i, false,
        'To=%2B1500555' || 1000 + i % 1000 || '&From=%2B15005550006&Body=Order%20' || i
        || '%20of%20you%20has%20left%20our%20warehouse' from generate_series(1, $rows) i});
    my %secrets = $sandbox->secrets;
    local $ENV{TWILIO_AUTH_TOKEN} = $secrets{TWILIO_AUTH_TOKEN};
    my $start = time;
    run_quietly("$ENV{HERALD_TESTS}/bench/bare 'host=$ENV{PGHOST}' " . $sandbox->url . ' '
          . $sandbox->dir . '/ca.pem');
    $figures->{bare_per_s} = int($rows / (time - $start));
    query('drop table bare');
    $sandbox->stop;
    return;
}

# A slow provider, so that as many requests as allowed are in flight.
sub measure_memory
{
    my ($figures) = @_;
    print "memory: 1000 requests in flight\n";
    reset_traffic();
    my $rig = Bench::Rig->start(sandbox => []);
    $rig->sandbox->script([ { fault => 'delay', delay_ms => 500 } ]);
    fill(6000);
    my $in_flight = 0;
    wait_for('a thousand requests in flight',
        sub { ($in_flight = max($in_flight, $rig->gauge('herald_in_flight'))) >= 1000 });
    $rig->wait_recorded(6000, 60);
    $figures->{dispatcher_rss_mb} = peak_rss_mb($rig->dispatcher->pid);
    $rig->stop;
    return;
}

1;
