# pg_dump, one after the other, while senders and a dispatcher are at work.
package Bench::Dump;

use strict;
use warnings;
use Bench::Load qw(run_load);
use Bench::Rig;
use Bench::Server qw(query);
use Herald::Process;
use Herald::Util qw(wait_for);

# What earlier parts left in the tables is what there is to dump.
sub measure
{
    my ($figures, $seconds) = @_;
    my %load = (clients => 8, rate => 2000, seconds => $seconds);
    my $rows = query('select count(*) from herald.delivery');
    my $rig = Bench::Rig->start;
    print "dump: $rows deliveries of history, $load{rate}/s for $seconds s, without and with pg_dump\n";
    my $alone = run_load(%load);
    my $dumps = Herald::Process->start('pg_dump', [ 'sh', '-c',
        q{trap 'exit 0' TERM; while pg_dump -Fp -f /dev/null; do echo dumped; done} ]);
    my $beside = run_load(%load);
    my $sent = $alone->{sent} + $beside->{sent};
    my $rounds = () = $dumps->log =~ /dumped/g;
    $dumps->stop(120);
    $rig->wait_recorded($sent, 60);
    $figures->{dump} = {
        dumps => $rounds,
        send_max_ms => $beside->{max_ms},
        send_max_without_ms => $alone->{max_ms},
        lost => $sent + $rows - query('select count(*) from herald.delivery') };
    $rig->stop;
    return;
}

1;
