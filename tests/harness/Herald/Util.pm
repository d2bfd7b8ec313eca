# Waiting for conditions instead of seconds, ports that nobody gets by accident, and other small help.
package Herald::Util;

use strict;
use warnings;
use Exporter 'import';
use IO::Socket::INET;
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(wait_for free_port slurp run_quietly);

# Calls the condition until it is true and returns its value; dies after the time-out.
sub wait_for
{
    my ($what, $condition, $seconds) = @_;
    my $end = time + ($seconds // 60);
    my $pause = 0.01;
    while (1)
    {
        my $value = $condition->();
        return $value if $value;
        die "waited in vain for $what\n" if time > $end;
        sleep $pause;
        $pause = $pause * 1.5 if $pause < 0.2;
    }
}

# A free TCP port of 127.0.0.1 below the range that the kernel hands out to clients.
sub free_port
{
    for (1 .. 200)
    {
        my $port = 10_000 + int rand 22_000;
        my $socket = IO::Socket::INET->new(
            LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1, ReuseAddr => 1);
        return $port if $socket;
    }
    die "no free port below 32768\n";
}

sub slurp
{
    my ($file) = @_;
    open my $handle, '<', $file or return '';
    local $/ = undef;
    return <$handle> // '';
}

# Output of a shell command; dies with it when the command fails.
sub run_quietly
{
    my ($command) = @_;
    my $output = `$command 2>&1 </dev/null`;
    die "$command\n$output" if $?;
    return $output;
}

1;
