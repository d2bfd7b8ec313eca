# What processes use, from /proc.
package Bench::Process;

use strict;
use warnings;
use Exporter 'import';
use Herald::Util qw(slurp);
use List::Util qw(sum);
use POSIX qw(sysconf _SC_CLK_TCK);

our @EXPORT_OK = qw(cpu_us family_cpu_us anonymous_mb rss_mb peak_rss_mb);

my $tick_us = 1e6 / sysconf(_SC_CLK_TCK);

# CPU time of a process: its own, and of the children that it has seen end.
sub times_us
{
    my ($pid) = @_;
    my ($after_name) = slurp("/proc/$pid/stat") =~ /^.*\) (.*)/s or return (0, 0);
    my ($user, $system, $ended_user, $ended_system) = (split ' ', $after_name)[ 11 .. 14 ];
    return (($user + $system) * $tick_us, ($ended_user + $ended_system) * $tick_us);
}

sub cpu_us
{
    my ($own) = times_us($_[0]);
    return $own;
}

# Of a process and all its children, those that have ended included.
sub family_cpu_us
{
    my ($pid) = @_;
    my ($own, $ended) = times_us($pid);
    my $sum = $own + $ended;
    $sum += cpu_us($_) for split ' ', slurp("/proc/$pid/task/$pid/children");
    return $sum;
}

sub status_mb
{
    my ($pid, $name) = @_;
    my ($kb) = slurp("/proc/$pid/status") =~ /^$name:\s+(\d+)/m or die "no $name of process $pid\n";
    return $kb / 1024;
}

sub rss_mb { return status_mb($_[0], 'VmRSS') }
sub peak_rss_mb { return status_mb($_[0], 'VmHWM') }

# Without what processes share.
sub anonymous_mb { return sum(0, map { status_mb($_, 'RssAnon') } @_) }

1;
