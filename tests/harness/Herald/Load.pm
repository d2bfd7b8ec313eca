# Senders under load, each with its own record of what the database told it, and the judgement:
# that record against what arrived at the sandbox and what the database says.
package Herald::Load;

use strict;
use warnings;
use Exporter 'import';
use Herald::Util qw(slurp wait_for);
use IPC::Open3;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(judge first_after);

my $number = 0;
my @all;
my %running;

# start(CLUSTER, senders => 2, rate => 20 a second each, template => 't', recipient => 'r'): sends
# until stop(). Every 20th send is rolled back, every 17th has a neighbour in a savepoint that is.
sub start
{
    my ($class, $cluster, %with) = @_;
    my $self = bless { senders => 2, rate => 20, template => 't', recipient => 'r', cluster => $cluster,
        test => $$, %with }, $class;
    for (1 .. $self->{senders})
    {
        my $name = sprintf 's%dx', ++$number;
        my $log = ($ENV{TESTDIR} // $ENV{HERALD_WORK}) . "/intents.$name";
        my $pid = fork // die "fork: $!";
        if ($pid == 0)
        {
            eval { $self->run($name, $log); 1 } or print STDERR "sender $name: $@";
            POSIX::_exit(0);
        }
        $self->{pids}{$pid} = 1;
        push @{ $self->{logs} }, $log;
    }
    $running{$self} = $self;
    push @all, $self;
    return $self;
}

# Ends the senders after what they have under way.
sub stop
{
    my ($self) = @_;
    kill 'TERM', keys %{ $self->{pids} };
    wait_for('the senders to end', sub {
        delete @{ $self->{pids} }{ grep { waitpid($_, POSIX::WNOHANG()) != 0 } keys %{ $self->{pids} } };
        !%{ $self->{pids} };
    });
    delete $running{$self};
    return $self;
}

# Text => A (commit acknowledged), U (no answer), E (refused), R (rolled back) or I (not known).
sub intents
{
    my ($self) = @_;
    my %outcome;
    for my $log (@{ $self->{logs} })
    {
        /^(\w) (\w+)$/ and $outcome{$2} = $1 for split /\n/, slurp($log);
    }
    return %outcome;
}

# How many texts had an outcome so far.
sub count
{
    my ($self, $which) = @_;
    my %outcome = $self->intents;
    return scalar grep { $_ eq $which } values %outcome;
}

sub run
{
    my ($self, $name, $log) = @_;
    my $stopped = 0;
    local $SIG{TERM} = sub { $stopped = 1 };
    local $SIG{PIPE} = 'IGNORE';
    open $self->{log}, '>>', $log or die "$log: $!";
    $self->{log}->autoflush(1);
    for (my $n = 1; !$stopped; $n++)
    {
        my $started = time;
        $self->send("$name$n", $n, \$stopped);
        my $rest = 1 / $self->{rate} - (time - $started);
        sleep $rest if $rest > 0 && !$stopped;
    }
    return;
}

sub note_outcome
{
    my ($self, $outcome, $text) = @_;
    print { $self->{log} } "$outcome $text\n";
    return;
}

sub statement
{
    my ($self, $text) = @_;
    return "select herald.notify_send('$self->{template}', '$self->{recipient}', '{\"n\": \"$text\"}',"
      . " idempotency_key => '$text');";
}

sub send
{
    my ($self, $text, $n, $stopped) = @_;
    my $send = $self->statement($text);
    return unless $self->has_psql($stopped);
    $self->note_outcome('I', $text);
    if ($n % 20 == 0)
    {
        $self->ask("begin; $send rollback;");
        return $self->note_outcome('R', $text);
    }
    if ($n % 17 == 0)
    {
        my $undone = $self->statement("${text}undone");
        $self->note_outcome('R', "${text}undone");
        $send = "begin; savepoint s; $undone rollback to s; $send commit;";
    }
    my $outcome = $self->ask($send);
    $self->note_outcome($outcome, $text);
    # The same key again, for every other one.
    while ($outcome eq 'U' && $n % 2 == 0 && !$$stopped && $self->has_psql($stopped))
    {
        $outcome = $self->ask($self->statement($text));
        $self->note_outcome($outcome, $text);
    }
    return;
}

# A psql that is connected; false when told to stop before.
sub has_psql
{
    my ($self, $stopped) = @_;
    while (!$self->{psql} && !$$stopped)
    {
        my %libpq = $self->{cluster}->libpq_environment;
        local @ENV{ keys %libpq } = values %libpq;
        open my $null, '>', '/dev/null' or die;
        $self->{psql} = open3(my $in, my $out, '>&' . fileno $null, 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1');
        @{$self}{qw(in out)} = ($in, $out);
        $in->autoflush(1);
        next if $self->ask('') eq 'A';
        sleep 0.05;
    }
    return $self->{psql};
}

# Runs statements; A: they were acknowledged, E: refused, U: the session ended without an answer.
sub ask
{
    my ($self, $statements) = @_;
    print { $self->{in} } "$statements\n\\echo done\n";
    while (defined(my $line = readline $self->{out}))
    {
        return 'A' if $line eq "done\n";
    }
    close $self->{in};
    waitpid delete $self->{psql}, 0;
    return $? >> 8 == 3 ? 'E' : 'U';
}

# One row for each text that the database knows: [state, attempts, unknown ones].
sub database_says
{
    my ($cluster) = @_;
    my %known;
    my $rows = $cluster->sql(q{
        select n.data ->> 'n', s.state, count(a.attempt),
               count(a.attempt) filter (where a.class in ('unknown', 'lease_lost'))
          from herald.notification n
          join herald.delivery_status s on s.notification = n.id
          left join herald.attempt a on a.id = s.id
         group by 1, s.id, s.state});
    for (split /\n/, $rows)
    {
        my ($text, @row) = split /\|/;
        $known{$text} = \@row;
    }
    return %known;
}

# Texts of the load at the sandbox: text => [requests, executed].
sub sandbox_says
{
    my ($sandbox) = @_;
    my %seen;
    for my $request ($sandbox->requests)
    {
        next unless $request->{body} =~ /Body=(s\d+x\w+)/;
        $seen{$1}[0]++;
        $seen{$1}[1] += $request->{executed} ? 1 : 0;
    }
    return %seen;
}

# The invariants for all loads there were, as tests: lost 0, phantom 0, every repeat explained.
# Returns the figures.
sub judge
{
    my ($cluster, $sandbox) = @_;
    my %outcome = map { $_->intents } @all;
    my %seen = sandbox_says($sandbox);
    my %row = database_says($cluster);
    my %is = map { $_ => 0 } qw(acknowledged unknown lost phantom repeats unexplained unclaimed wrong);
    for my $text (keys %{ { %outcome, %seen } })
    {
        my $told = $outcome{$text} // 'never sent';
        my ($requests, $executed) = map { $_ // 0 } @{ $seen{$text} // [] }[ 0, 1 ];
        my ($state, $attempts, $unsure) = @{ $row{$text} // [ 'no row', 0, 0 ] };
        my $repeats = $executed > 1 ? $executed - 1 : 0;
        $is{acknowledged}++ if $told eq 'A';
        $is{unknown}++ if $told eq 'U';
        my %bad = (
            lost => $told eq 'A' && !($state eq 'sent' && $executed > 0),
            phantom => $requests > 0 && $told !~ /^[AUI]$/,
            unexplained => $repeats > $unsure,
            unclaimed => $requests > $attempts,
            wrong => $told ne 'A' && ($state eq 'sent') != ($executed > 0));
        $is{repeats} += $repeats;
        for my $kind (grep { $bad{$_} } keys %bad)
        {
            diag("$kind: $text told $told, state $state, $requests requests, $executed executed,"
                  . " $attempts attempts, $unsure of them unknown") if $is{$kind}++ < 5;
        }
    }
    cmp_ok($is{acknowledged}, '>', 0, 'sends were acknowledged');
    is($is{$_}, 0, "$_: 0") for qw(lost phantom unexplained unclaimed wrong);
    note(join ', ', map { "$_ $is{$_}" } sort keys %is);
    return \%is;
}

# Seconds from a time until the sandbox accepted something of the load; what came before the request
# of that number is not looked at.
sub first_after
{
    my ($sandbox, $time, $number) = @_;
    for my $request ($sandbox->requests($number))
    {
        my $at = $request->{time_us} / 1e6;
        return $at - $time if $at >= $time && $request->{executed} && $request->{body} =~ /Body=s\d+x/;
    }
    return;
}

END
{
    my $status = $?;
    for my $load (grep { $_->{test} == $$ } values %running)
    {
        kill 'KILL', keys %{ $load->{pids} };
        waitpid $_, 0 for keys %{ $load->{pids} };
    }
    $? = $status;
}

1;
