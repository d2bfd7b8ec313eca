# Single-row commits from 32 clients while everything is delivered, as fast as the backlog stays flat.
package Bench::Sustained;

use strict;
use warnings;
use Bench::Load qw(run_paced);
use Bench::Rig;
use Bench::Server qw(query reset_traffic server_cpu_us wal_bytes);
use List::Util qw(max sum);
use Time::HiRes qw(time);

use constant CLIENTS => 32;
use constant DEPTH_MAX => 5000;

sub measure
{
    my ($figures, $seconds) = @_;
    print "sustained: @{[CLIENTS]} clients, $seconds s\n";
    reset_traffic();
    my $rig = Bench::Rig->start;
    my ($cpu, $wal, $own) = (server_cpu_us(), wal_bytes(), $rig->cpu);
    my (@depths, $start);
    my $load = run_paced($rig, DEPTH_MAX, sub {
            my $second = time - ($start //= time);
            return if $second < @depths + 1;
            push @depths, query('select count(*) from herald.outbox');
            printf "  %d of %d s: %d delivered, %d waiting\n", $second, $seconds, $_[0], $depths[-1]
              if @depths % 30 == 0;
        }, clients => CLIENTS, seconds => $seconds);
    my $left = $load->{sent} - $rig->recorded;
    $rig->wait_recorded($load->{sent}, 60);
    $figures->{sustained_per_s} = int(($load->{sent} - $left) / $load->{seconds});
    $figures->{sustained} = {
        seconds => $load->{seconds},
        depth_start => mean(@depths[ 0 .. $#depths / 5 ]),
        depth_end => mean(@depths[ $#depths * 4 / 5 .. $#depths ]),
        depth_max => max(@depths),
        send_p99_ms => $load->{p99_ms},
        cpu_us => {
            postgres => (server_cpu_us() - $cpu) / $load->{sent},
            dispatcher => ($rig->cpu - $own) / $load->{sent} },
        wal_bytes => int((wal_bytes() - $wal) / $load->{sent}) };
    $rig->stop;
    return;
}

sub mean { return @_ ? int(sum(@_) / @_) : undef }

1;
