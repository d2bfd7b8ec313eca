# A daemon under test: started with its output in a log file, watched, and never left behind.
package Herald::Process;

use strict;
use warnings;
use Herald::Util qw(wait_for slurp);
use IO::Socket::UNIX;
use POSIX qw(WNOHANG);
use Socket qw(SOCK_DGRAM);

my %running;

# start(NAME, COMMAND, env => {…}, notify => 1): undef in env unsets a variable; with notify, returns
# after the daemon has said READY=1 to NOTIFY_SOCKET.
sub start
{
    my ($class, $name, $command, %with) = @_;
    my $folder = $ENV{TESTDIR} // $ENV{HERALD_WORK};
    my $self = bless { name => $name, log => "$folder/$name.log", test => $$ }, $class;
    my %env = %{ $with{env} // {} };
    my $ready = $with{notify} ? $self->listen_for_ready(\%env) : undef;
    $self->spawn($command, \%env);
    if ($ready)
    {
        my $answer = eval { wait_for("$name to be ready", sub { $self->is_ready($ready) }); 1 };
        die "$@" . slurp($self->{log}) unless $answer;
    }
    return $self;
}

sub listen_for_ready
{
    my ($self, $env) = @_;
    require File::Temp;
    my $folder = File::Temp->newdir('heraldXXXX', TMPDIR => 1);
    $env->{NOTIFY_SOCKET} = "$folder/notify";
    my $socket = IO::Socket::UNIX->new(
        Type => SOCK_DGRAM, Local => $env->{NOTIFY_SOCKET}, Blocking => 0)
      or die "notify socket: $!\n";
    return { socket => $socket, folder => $folder };
}

sub is_ready
{
    my ($self, $ready) = @_;
    die "$self->{name} ended early\n" unless $self->is_alive;
    my $datagram = '';
    return defined $ready->{socket}->recv($datagram, 4096) && $datagram =~ /^READY=1$/m;
}

sub spawn
{
    my ($self, $command, $env) = @_;
    my $pid = fork // die "fork: $!\n";
    if ($pid == 0)
    {
        local %ENV = (%ENV, %$env);
        delete @ENV{ grep { !defined $env->{$_} } keys %$env };
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', $self->{log};
        open STDERR, '>&', \*STDOUT;
        exec { $command->[0] } @$command or POSIX::_exit(127);
    }
    $self->{pid} = $pid;
    $running{$pid} = $self;
    return;
}

sub pid { return $_[0]->{pid} }
sub log { return slurp($_[0]->{log}) }

sub is_alive
{
    my ($self) = @_;
    return 0 unless $self->{pid};
    return 1 if waitpid($self->{pid}, WNOHANG) == 0;
    $self->{status} = $?;
    delete $running{ $self->{pid} };
    $self->{pid} = undef;
    return 0;
}

sub signal
{
    my ($self, $signal) = @_;
    kill $signal, $self->{pid} if $self->{pid};
    return;
}

# Sends the signal and returns the wait status once the process is gone.
sub finish
{
    my ($self, $signal, $seconds) = @_;
    $self->signal($signal);
    wait_for("$self->{name} to end", sub { !$self->is_alive }, $seconds);
    return $self->{status};
}

sub stop { return $_[0]->finish('TERM', $_[1]) }
sub kill9 { return $_[0]->finish('KILL') }

# Waits until the log matches.
sub wait_for_log
{
    my ($self, $pattern, $seconds) = @_;
    return wait_for("$pattern in the log of $self->{name}",
        sub { slurp($self->{log}) =~ $pattern }, $seconds);
}

END
{
    my $status = $?;
    for my $process (grep { $_->{test} == $$ } values %running)
    {
        kill 'KILL', $process->{pid};
        waitpid $process->{pid}, 0;
    }
    $? = $status;
}

1;
