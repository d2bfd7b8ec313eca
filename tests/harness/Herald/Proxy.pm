# A TCP proxy in front of PostgreSQL that misbehaves on command. It knows a dispatcher's sessions by
# their application_name: control, claim, record, tick.
package Herald::Proxy;

use strict;
use warnings;
use Herald::Util qw(free_port);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(:DEFAULT SOL_SOCKET SO_LINGER IPPROTO_TCP TCP_NODELAY);

my %running;

# start(CLUSTER): listens on a port of 127.0.0.1.
sub start
{
    my ($class, $cluster) = @_;
    my $self = bless { port => free_port(), test => $$, upstream => $cluster->host . '/.s.PGSQL.' . $cluster->port },
      $class;
    $self->{listener} = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => $self->{port}, Listen => 64, ReuseAddr => 1)
      or die "proxy: $!";
    socketpair my $ours, my $its, AF_UNIX, SOCK_STREAM, PF_UNSPEC or die "socketpair: $!";
    $_->autoflush(1) for $ours, $its;
    $self->{pid} = fork // die "fork: $!";
    if ($self->{pid} == 0)
    {
        local $SIG{PIPE} = 'IGNORE';
        close $ours;
        eval { $self->serve($its); 1 } or print STDERR "proxy: $@";
        POSIX::_exit(0);
    }
    close $its;
    $self->{control} = $ours;
    $running{ $self->{pid} } = $self;
    return $self;
}

# What a dispatcher connects with.
sub conninfo
{
    my ($self) = @_;
    return "host=127.0.0.1 port=$self->{port} dbname=app user=dispatcher sslmode=disable gssencmode=disable";
}

# Gives a command and returns its answer:
# pass · hole - forward nothing, close nothing, accept nothing · drop - reset every connection
# cut ROLE up|down N close|reset|half [next] - of the connection of that role, or of the next one:
#   forward N more bytes in that direction, then end it
# cuts - how many were made · mute ROLE - swallow notifications · unmute
sub tell
{
    my ($self, $command) = @_;
    print { $self->{control} } "$command\n";
    my $answer = readline $self->{control};
    die "proxy is gone\n" unless defined $answer;
    chomp $answer;
    return $answer;
}

sub stop
{
    my ($self) = @_;
    kill 'KILL', $self->{pid};
    waitpid $self->{pid}, 0;
    delete $running{ $self->{pid} };
    return;
}

# ---- in the process of its own ----

sub serve
{
    my ($self, $control) = @_;
    @{$self}{qw(mode cuts mute pairs)} = ('pass', 0, '', {});
    while (1)
    {
        my @watched = ($control);
        push @watched, $self->{listener}, map { @{$_}{qw(up down)} } values %{ $self->{pairs} }
          if $self->{mode} eq 'pass';
        for my $ready (IO::Select->new(grep { $_ } @watched)->can_read(10))
        {
            if ($ready == $control)
            {
                my $line = readline $control;
                return unless defined $line;
                print $control $self->obey(split ' ', $line), "\n";
            }
            elsif ($ready == $self->{listener}) { $self->accept_one }
            else { $self->forward($ready) }
        }
    }
}

sub obey
{
    my ($self, $command, @arguments) = @_;
    if ($command eq 'pass' || $command eq 'hole') { $self->{mode} = $command }
    elsif ($command eq 'drop') { $self->end($_, 'reset') for values %{ $self->{pairs} } }
    elsif ($command eq 'mute') { $self->{mute} = $arguments[0] }
    elsif ($command eq 'unmute') { $self->{mute} = '' }
    elsif ($command eq 'cuts') { return $self->{cuts} }
    elsif ($command eq 'cut')
    {
        my %cut;
        @cut{qw(role way left how next)} = @arguments;
        my ($pair) = grep { $_->{role} eq $cut{role} } values %{ $self->{pairs} };
        if ($cut{next}) { $self->{next_cut} = \%cut }
        elsif ($pair) { $pair->{cut} = \%cut }
        else { return 'no such connection' }
    }
    else { return "unknown: $command" }
    return 'ok';
}

# up is where the client's bytes come from, down the server's.
sub accept_one
{
    my ($self) = @_;
    my $client = $self->{listener}->accept or return;
    my $server = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $self->{upstream});
    return close $client unless $server;
    setsockopt $client, IPPROTO_TCP, TCP_NODELAY, 1;
    my $pair = { up => $client, down => $server, role => '', frames => '' };
    $self->{pairs}{$pair} = $pair;
    $self->{of}{$_} = $pair for $client, $server;
    return;
}

sub forward
{
    my ($self, $from) = @_;
    my $pair = $self->{of}{$from} or return;
    my $way = $from == ($pair->{up} // 0) ? 'up' : 'down';
    my $bytes = '';
    return $self->end($pair, 'close') unless sysread $from, $bytes, 65536;
    $self->learn($pair, $bytes) if $way eq 'up' && $pair->{role} eq '';
    $bytes = without_notifications($pair, $bytes) if $way eq 'down' && $self->{mute} eq $pair->{role};
    my $cut = $pair->{cut};
    my $ends = $cut && $cut->{way} eq $way && length $bytes >= $cut->{left};
    $bytes = substr $bytes, 0, $cut->{left} if $ends;
    $cut->{left} -= length $bytes if $cut && $cut->{way} eq $way;
    write_all($way eq 'up' ? $pair->{down} : $pair->{up}, $bytes);
    if ($ends)
    {
        $self->{cuts}++;
        delete $pair->{cut};
        $self->end($pair, $cut->{how});
    }
    return;
}

sub learn
{
    my ($self, $pair, $bytes) = @_;
    return unless $bytes =~ /herald-dispatcher \S+ (\w+)/;
    $pair->{role} = $1;
    my $next = $self->{next_cut};
    return unless $next && $next->{role} eq $pair->{role};
    $pair->{cut} = $next;
    $self->{next_cut} = undef;
    return;
}

# Whole messages of the server but NotificationResponse.
sub without_notifications
{
    my ($pair, $bytes) = @_;
    my $ret = '';
    $pair->{frames} .= $bytes;
    while (length $pair->{frames} >= 5)
    {
        my ($type, $length) = unpack 'aN', $pair->{frames};
        last if length $pair->{frames} < $length + 1;
        my $message = substr $pair->{frames}, 0, $length + 1, '';
        $ret .= $message unless $type eq 'A';
    }
    return $ret;
}

sub write_all
{
    my ($to, $bytes) = @_;
    while (length $bytes)
    {
        my $written = syswrite $to, $bytes or return;
        substr $bytes, 0, $written, '';
    }
    return;
}

# half: the client sees the end, the server does not, and goes on with what it has.
sub end
{
    my ($self, $pair, $how) = @_;
    my ($client, $server) = delete @{$pair}{qw(up down)};
    # Ended before it came to that: the next one then.
    $self->{next_cut} = $pair->{cut} if $pair->{cut} && $pair->{cut}{next};
    delete $self->{pairs}{$pair};
    delete @{ $self->{of} }{ grep { defined } $client, $server };
    setsockopt $client, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0) if $client && $how eq 'reset';
    close $client if $client;
    if ($how eq 'half') { push @{ $self->{orphans} }, $server }
    elsif ($server) { close $server }
    return;
}

END
{
    my $status = $?;
    $_->stop for grep { $_->{test} == $$ } values %running;
    $? = $status;
}

1;
