# Faults of the ledger test: which, when and to whom depends on the seed and on the progress.
package Herald::Chaos;

use strict;
use warnings;
use Herald::Process;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

# Of 200 faults so many are of each kind.
my @kinds = (
    [ kill => 45 ],        # SIGKILL of a dispatcher
    [ killall => 15 ],     # of all at once
    [ stop => 20 ],        # SIGSTOP for longer than the lease, then SIGCONT
    [ term => 10 ],        # SIGTERM
    [ terminate => 20 ],   # pg_terminate_backend of a dispatcher's sessions
    [ backend => 25 ],     # SIGKILL of a dispatcher's backend: PostgreSQL restarts itself
    [ immediate => 30 ],   # PostgreSQL stops without shutting down, and starts
    [ cut => 35 ]);        # every connection to PostgreSQL is cut
my $rest_seconds = 1.5;

sub new
{
    my ($class, $ledger) = @_;
    my $self = bless { ledger => $ledger, done => 0, running => [], free_at => 0 }, $class;
    srand $ledger->{seed};
    my @chosen = @kinds;
    if (my $only = $ledger->{faults})
    {
        @chosen = grep { my $kind = $_->[0]; grep { $_ eq $kind } @$only } @kinds;
    }
    $self->{plan} = [ plan($ledger->{kills}, @chosen) ];
    $self->{due} = [ map { ($_ + 0.6 * rand() - 0.3) * $ledger->{count} / ($ledger->{kills} + 1) } 1 .. $ledger->{kills} ];
    open $self->{log}, '>', "$ledger->{dir}/chaos.log" or die "chaos.log: $!\n";
    $self->{log}->autoflush(1);
    return $self;
}

# So many kinds in their proportion, shuffled.
sub plan
{
    my ($count, @chosen) = @_;
    my $total = 0;
    $total += $_->[1] for @chosen;
    my @plan;
    my $share = 0;
    for my $kind (@chosen)
    {
        $share += $kind->[1];
        push @plan, $kind->[0] while @plan < int($share * $count / $total + 0.5);
    }
    for my $i (reverse 1 .. $#plan)
    {
        my $k = int rand($i + 1);
        @plan[ $i, $k ] = @plan[ $k, $i ];
    }
    return @plan;
}

sub now_ns { return int(clock_gettime(CLOCK_MONOTONIC) * 1e9) }

sub is_done
{
    my ($self) = @_;
    return $self->{done} == @{ $self->{plan} } && !@{ $self->{running} };
}

# Ends what has run its time, and begins the next fault when it is due; without producers all are.
sub step
{
    my ($self, $progress, $is_producing) = @_;
    my @running = @{ $self->{running} };
    $self->{running} = [];
    for my $fault (@running)
    {
        $fault->{poll}->($fault) ? $self->finish($fault) : push @{ $self->{running} }, $fault;
    }
    my $next = $self->{done};
    return if $next == @{ $self->{plan} } || clock_gettime(CLOCK_MONOTONIC) < $self->{free_at};
    return if $is_producing && $progress < $self->{due}[$next];
    return if grep { $_->{is_exclusive} } @{ $self->{running} };
    my $kind = $self->{plan}[$next];
    my $fault = { number => $next + 1, kind => $kind, start_ns => now_ns(), detail => '' };
    $self->can("fault_$kind")->($self, $fault) or return;
    $self->{done}++;
    $self->{ledger}->say("fault $fault->{number}: $kind $fault->{detail}");
    $fault->{poll} ? push @{ $self->{running} }, $fault : $self->finish($fault);
    $self->{free_at} = clock_gettime(CLOCK_MONOTONIC) + $rest_seconds;
    return;
}

sub finish
{
    my ($self, $fault) = @_;
    $fault->{end_ns} = now_ns();
    printf { $self->{log} } "%d\t%s\t%d\t%d\t%s\n", @$fault{qw(number kind start_ns end_ns detail)};
    $self->{free_at} = clock_gettime(CLOCK_MONOTONIC) + $rest_seconds if $fault->{is_exclusive};
    return;
}

# Dispatchers that run and are not stopped.
sub awake
{
    my ($self) = @_;
    return grep { !$_->{is_stopped} && !$_->{is_ending} && $_->{process}->is_alive } @{ $self->{ledger}{slots} };
}

sub victim
{
    my ($self) = @_;
    my @awake = $self->awake;
    return $awake[ rand @awake ];
}

sub fault_kill
{
    my ($self, $fault) = @_;
    my $slot = $self->victim or return 0;
    $fault->{detail} = "$slot->{name} pid " . $slot->{process}->pid;
    $slot->{process}->signal('KILL');
    return 1;
}

sub fault_killall
{
    my ($self, $fault) = @_;
    my @slots = $self->awake;
    return 0 unless @slots;
    $fault->{detail} = join ' ', map { "$_->{name} pid " . $_->{process}->pid } @slots;
    $_->{process}->signal('KILL') for @slots;
    return 1;
}

# One of them at a time, so that another one can take over. Others go on meanwhile.
sub fault_stop
{
    my ($self, $fault) = @_;
    my @awake = $self->awake;
    return 0 if @awake < @{ $self->{ledger}{slots} } || @awake < 2;
    my $slot = $awake[ rand @awake ];
    my $until = clock_gettime(CLOCK_MONOTONIC) + $self->{ledger}{lease} + 3 + rand 5;
    $fault->{detail} = "$slot->{name} pid " . $slot->{process}->pid;
    $slot->{process}->signal('STOP');
    $slot->{is_stopped} = 1;
    $fault->{poll} = sub {
        return 0 if clock_gettime(CLOCK_MONOTONIC) < $until;
        $slot->{process}->signal('CONT');
        $slot->{is_stopped} = 0;
        return 1;
    };
    return 1;
}

sub fault_term
{
    my ($self, $fault) = @_;
    my $slot = $self->victim or return 0;
    my $starts = $slot->{starts};
    $fault->{detail} = "$slot->{name} pid " . $slot->{process}->pid;
    $slot->{process}->signal('TERM');
    $slot->{is_ending} = 1;
    $fault->{poll} = sub {
        return 0 if $slot->{starts} == $starts;
        $slot->{is_ending} = 0;
        return 1;
    };
    return 1;
}

# Backends of one dispatcher.
sub backends
{
    my ($self, $slot) = @_;
    my $pids = $self->{ledger}->try_sql(
        "select pid from pg_stat_activity where application_name like 'herald-dispatcher $slot->{name} %'");
    return split /\n/, $pids // '';
}

sub fault_terminate
{
    my ($self, $fault) = @_;
    my $slot = $self->victim or return 0;
    my @pids = $self->backends($slot) or return 0;
    @pids = $pids[ rand @pids ] if rand() < 0.5;
    $fault->{detail} = "$slot->{name} backends @pids";
    return defined $self->{ledger}->try_sql('select ' . join ', ', map { "pg_terminate_backend($_)" } @pids);
}

sub fault_backend
{
    my ($self, $fault) = @_;
    my $slot = $self->victim or return 0;
    my @pids = $self->backends($slot) or return 0;
    my $pid = $pids[ rand @pids ];
    $fault->{detail} = "$slot->{name} backend $pid";
    $fault->{start_ns} = now_ns();
    kill 'KILL', $pid or return 0;
    $fault->{is_exclusive} = 1;
    $fault->{poll} = sub { defined $self->{ledger}->try_sql('select 1') };
    return 1;
}

sub fault_immediate
{
    my ($self, $fault) = @_;
    my $ledger = $self->{ledger};
    my @left = map { $ledger->pg_ctl($_) } '-m immediate stop', 'start';
    my $now;
    $fault->{is_exclusive} = 1;
    $fault->{poll} = sub {
        return 0 if $now && $now->is_alive;
        die "ledger: pg_ctl failed\n" . $now->log if $now && $now->{status};
        return 1 unless @left;
        $now = Herald::Process->start('pg_ctl', [ 'sh', '-c', shift @left ]);
        return 0;
    };
    return 1;
}

sub fault_cut
{
    my ($self, $fault) = @_;
    $self->{ledger}{proxy}->signal('USR1');
    return 1;
}

1;
