# Sandbox and dispatcher side by side, and what the dispatcher's metrics tell.
package Bench::Rig;

use strict;
use warnings;
use Bench::Process qw(cpu_us);
use Bench::Server qw(query);
use Herald::Dispatcher;
use Herald::Sandbox;
use Herald::Util qw(free_port slurp);
use HTTP::Tiny;
use Time::HiRes qw(sleep time);

# start(sandbox => [ARGUMENT…], dispatcher => [ARGUMENT…])
sub start
{
    my ($class, %with) = @_;
    my $sandbox = $class->start_sandbox(@{ $with{sandbox} // ['--fast'] });
    my $port = free_port();
    my $started = time;
    my $dispatcher = Herald::Dispatcher->start(
        $class,
        args => [ '--metrics', "127.0.0.1:$port", @{ $with{dispatcher} // [] } ],
        env => { $sandbox->secrets });
    return bless {
        sandbox => $sandbox,
        dispatcher => $dispatcher,
        started => $started,
        http => HTTP::Tiny->new(timeout => 30),
        url => "http://127.0.0.1:$port/metrics" }, $class;
}

# The sandbox with its accounts.
sub start_sandbox
{
    my ($class, @args) = @_;
    unlink "$ENV{HERALD_WORK}/sandbox/requests.log";
    my $sandbox = Herald::Sandbox->start(args => \@args);
    my $common = sprintf q{'endpoint', '%s', 'ca_file', '%s/ca.pem'}, $sandbox->url, $sandbox->dir;
    query(qq{select herald.notify_provider('bench', 'twilio', 'sms',
        settings => jsonb_build_object($common, 'from', '+15005550006',
            'account_sid', 'AC00000000000000000000000000000000'),
        secrets => '{"auth_token": "env:TWILIO_AUTH_TOKEN"}', concurrency => 1000)});
    query(qq{select herald.notify_provider('bench_mail', 'sendgrid', 'email',
        settings => jsonb_build_object($common, 'from', 'shop\@example.org'),
        secrets => '{"api_key": "env:SENDGRID_API_KEY"}', concurrency => 1000)});
    return $sandbox;
}

# What Herald::Dispatcher asks of a cluster.
sub libpq_environment
{
    return (PGHOST => $ENV{PGHOST}, PGPORT => 5432, PGDATABASE => 'postgres', PGUSER => 'postgres');
}

sub sandbox { return $_[0]->{sandbox} }
sub dispatcher { return $_[0]->{dispatcher} }
sub started { return $_[0]->{started} }
sub cpu { return cpu_us($_[0]->{dispatcher}->pid) }

sub stop
{
    my ($self) = @_;
    $self->{dispatcher}->stop;
    $self->{sandbox}->stop;
    return;
}

sub metrics
{
    my ($self) = @_;
    my $answer = $self->{http}->get($self->{url});
    die "bench: metrics: $answer->{status} $answer->{content}\n" unless $answer->{success};
    return $answer->{content};
}

# Value of a metric without labels.
sub gauge
{
    my ($self, $name) = @_;
    my ($value) = $self->metrics =~ /^$name (\d+)$/m;
    return $value;
}

sub recorded { return $_[0]->gauge('herald_recorded_total') }

# Until so many results have been recorded; returns the time.
sub wait_recorded
{
    my ($self, $count, $seconds) = @_;
    return $self->wait_until($seconds, sub { $self->recorded >= $count });
}

# Until so many deliveries of the account have been accepted.
sub wait_accepted
{
    my ($self, $account, $count, $seconds) = @_;
    my $series = qr/^herald_attempts_total\{[^}]*account="$account",class="accepted"\} (\d+)$/m;
    return $self->wait_until($seconds, sub { (($self->metrics =~ $series)[0] // 0) >= $count });
}

sub wait_until
{
    my ($self, $seconds, $condition) = @_;
    my $end = time + $seconds;
    while (!$condition->())
    {
        die "bench: not everything was delivered\n" . substr($self->{dispatcher}->log, -2000)
          if time > $end;
        sleep 0.02;
    }
    return time;
}

# The histogram of claims: upper bounds in seconds and how many claims were not slower.
sub claims
{
    my ($self) = @_;
    return { $self->metrics =~ /^herald_claim_seconds_bucket\{le="([^"]+)"\} (\d+)$/mg };
}

# Percentile of the claims between two looks, in ms; inside a bucket by interpolation.
sub claim_percentile_ms
{
    my ($share, $before, $after) = @_;
    my $wanted = $share * ($after->{'+Inf'} - $before->{'+Inf'});
    my ($below, $low) = (0, 0);
    for my $bound (sort { $a <=> $b } grep { $_ ne '+Inf' } keys %$after)
    {
        my $upto = $after->{$bound} - $before->{$bound};
        return 1000 * ($low + ($bound - $low) * ($wanted - $below) / ($upto - $below))
          if $upto >= $wanted && $upto > $below;
        ($below, $low) = ($upto, $bound);
    }
    return 1000 * $low;
}

# What the sandbox of this rig logged: number of the order => when it arrived first.
sub arrivals
{
    my ($self) = @_;
    my %arrived;
    open my $log, '<', $self->{sandbox}->dir . '/requests.log' or die "requests.log: $!\n";
    while (<$log>)
    {
        my ($time_us) = /"time_us":(\d+)/ or next;
        my ($number) = /Order(?:%20|\+)(\d+)/ or next;
        $arrived{$number} //= $time_us;
    }
    close $log or die "requests.log: $!\n";
    return \%arrived;
}

1;
