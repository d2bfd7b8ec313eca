# The ledger test: producers, PostgreSQL, dispatchers and the sandbox under faults, and the comparison
# of what each of them wrote down. tests/ledger/run and tests of the checker itself use it.
package Herald::Ledger;

use strict;
use warnings;
use File::Temp ();
use Herald::Chaos;
use Herald::Dispatcher;
use Herald::Process;
use Herald::Sandbox;
use Herald::Util qw(run_quietly slurp wait_for);
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(clock_gettime sleep CLOCK_MONOTONIC);

my $sources = "$ENV{HERALD_ROOT}/tests/ledger";
my $recipients = 1000;

# new(count => acknowledged messages, kills, seed; optional: rate, producers, dispatchers, faults =>
# [kinds], misbehave => 0, options => PGOPTIONS of the producers, dispatcher and sandbox => other
# programs, conf => lines for postgresql.conf, lease, timeout, drain => seconds, quiet => 1)
sub new
{
    my ($class, %with) = @_;
    my $self = bless {
        name => 'ledger', producers => 4, dispatchers => 2, misbehave => 1, options => '', conf => '',
        dispatcher => "$ENV{HERALD_BIN}/herald-dispatcher", sandbox => "$ENV{HERALD_BIN}/herald-sandbox",
        lease => 15, timeout => 5, drain => 600, %with }, $class;
    my $parent = $ENV{TESTDIR} // $ENV{HERALD_WORK};
    $self->{dir} = "$parent/$self->{name}";
    mkdir $self->{dir};
    $self->{socket} = File::Temp->newdir('heraldXXXX', TMPDIR => 1);
    # Kills follow progress, so the rate decides how far apart they are.
    $self->{rate} //= $self->{kills} ? $self->{count} / ($self->{kills} * 8.5) : 0;
    return $self;
}

sub say
{
    my ($self, $text) = @_;
    printf STDERR "%s %s\n", sprintf('%7.1f', clock_gettime(CLOCK_MONOTONIC) - $self->{begin}), $text
      unless $self->{quiet};
    return;
}

# All of it; returns the verdict as name => number.
sub run
{
    my ($self) = @_;
    $self->start;
    $self->produce;
    $self->drain;
    $self->stop;
    return $self->judge;
}

# ---- parts ----

sub start
{
    my ($self) = @_;
    $self->{begin} = clock_gettime(CLOCK_MONOTONIC);
    $self->say('starting PostgreSQL, sandbox and dispatchers');
    $self->start_cluster;
    $self->{double} = Herald::Sandbox->start(
        name => "$self->{name}-sandbox",
        program => $self->{sandbox},
        args => [
            '--keep', 1, '--ledger', "$self->{dir}/sink.tsv",
            $self->{misbehave} ? ('--misbehave', $self->{seed}) : () ]);
    $self->configure;
    $self->{proxy} = Herald::Process->start('proxy',
        [ "$ENV{HERALD_TESTS}/ledger/proxy", "$self->{socket}/cut/.s.PGSQL.5432", "$self->{socket}/.s.PGSQL.5432" ]);
    wait_for('the proxy', sub { -S "$self->{socket}/cut/.s.PGSQL.5432" });
    $self->{slots} = [ map { { name => "d$_" } } 1 .. $self->{dispatchers} ];
    $self->supervise;
    wait_for('the dispatchers', sub {
        $self->sql('select count(*) from herald.dispatcher') >= $self->{dispatchers};
    });
    return;
}

sub start_cluster
{
    my ($self) = @_;
    mkdir "$self->{socket}/cut";
    $self->{data} = "$self->{dir}/pgdata";
    run_quietly("initdb -D $self->{data} -U postgres -A trust -E UTF8 --locale=C.UTF-8");
    open my $conf, '>>', "$self->{data}/postgresql.conf" or die "postgresql.conf: $!\n";
    print $conf <<"END";
listen_addresses = ''
unix_socket_directories = '$self->{socket}'
shared_preload_libraries = 'pg_herald'
shared_buffers = 256MB
max_wal_size = 2GB
log_min_error_statement = panic
$self->{conf}
END
    close $conf or die "postgresql.conf: $!\n";
    run_quietly($self->pg_ctl('start'));
    $self->{is_started} = 1;
    run_quietly("createdb -h $self->{socket} -p 5432 -U postgres app");
    $self->sql('create extension pg_herald; select herald.arm()');
    for my $setting (qw(fsync full_page_writes))
    {
        die "ledger: $setting must be on\n" if $self->sql("show $setting") ne 'on';
    }
    return;
}

sub pg_ctl
{
    my ($self, $what) = @_;
    return "pg_ctl -w -t 120 -D $self->{data} -l $self->{dir}/postgresql.log $what";
}

sub configure
{
    my ($self) = @_;
    my ($url, $dir) = ($self->{double}->url, $self->{double}->dir);
    my %common = (ca_file => "$dir/ca.pem", timeout_ms => 1000 * $self->{timeout});
    my %sms = (%common, endpoint => $url, account_sid => 'AC' . '0' x 32, from => '+15005550006');
    my %hook = (%common, allow_addresses => '127.0.0.0/8,::1/128');
    my $settings = sub { "settings => '" . JSON::PP::encode_json($_[0]) . "'" };
    $self->sql('create role app login in role herald_sender; create role dispatcher login in role herald_dispatcher');
    $self->sql("select herald.notify_provider('sms', 'twilio', 'sms', " . $settings->(\%sms)
          . q{, secrets => '{"auth_token": "env:TWILIO_AUTH_TOKEN"}', concurrency => 200)});
    $self->sql("select herald.notify_provider('hooks', 'webhook', 'webhook', " . $settings->(\%hook)
          . q{, secrets => '{"secret": "env:WEBHOOK_SECRET"}', concurrency => 200)});
    $self->sql(<<"END");
select herald.notify_setting('lease_s', '$self->{lease}');
select herald.notify_category('once', policy => 'at_most_once');
select herald.notify_template('ledger');
select herald.notify_template_part('ledger', 'sms', 'text', '{{ text }}');
select herald.notify_template_part('ledger', 'webhook', 'body', '{"text":"{{ text }}"}');
select herald.notify_template_publish('ledger');
select count(herald.notify_recipient('ledger-' || i, phone => '+1500555' || 1000 + i)),
       count(herald.notify_device('ledger-' || i, 'webhook', 'webhook', '$url/hooks/ledger-' || i))
  from generate_series(0, $recipients - 1) i;
END
    return;
}

# Starts what is not running: dispatchers come back at once.
sub supervise
{
    my ($self) = @_;
    for my $slot (@{ $self->{slots} })
    {
        next if $self->{resting} || $slot->{process} && $slot->{process}->is_alive;
        $slot->{starts}++;
        $slot->{is_stopped} = 0;
        $slot->{process} = Herald::Process->start($slot->{name},
            [ $self->{dispatcher}, '--name', $slot->{name} ],
            env => {
                PGHOST => "$self->{socket}/cut", PGPORT => 5432, PGDATABASE => 'app', PGUSER => 'dispatcher',
                $self->{double}->secrets });
    }
    return;
}

sub acked
{
    my ($self) = @_;
    my $bytes = slurp("$self->{dir}/progress");
    return length $bytes < 8 ? 0 : unpack 'q', $bytes;
}

sub produce
{
    my ($self) = @_;
    my $chaos = Herald::Chaos->new($self);
    my $rate = int($self->{rate} + 0.5);
    $self->say("producing $self->{count} at $rate/s, $self->{kills} faults, seed $self->{seed}");
    my $producer = Herald::Process->start('producer', [
            "$ENV{HERALD_TESTS}/ledger/producer",
            "host=$self->{socket}/cut port=5432 dbname=app user=app connect_timeout=5", $self->{dir}, $self->{count},
            $rate, $self->{seed}, $self->{producers} ],
        env => { PGOPTIONS => $self->{options} });
    my $told = 0;
    while ($producer->is_alive || !$chaos->is_done)
    {
        $self->supervise;
        $chaos->step($self->acked, $producer->is_alive);
        if (clock_gettime(CLOCK_MONOTONIC) - $told > 10)
        {
            $told = clock_gettime(CLOCK_MONOTONIC);
            $self->say(sprintf '%d of %d acknowledged, %d of %d faults', $self->acked, $self->{count},
                $chaos->{done}, $self->{kills});
        }
        sleep 0.01;
    }
    die "ledger: the producer failed\n" . $producer->log if $producer->{status};
    return;
}

# Until nothing is pending.
sub drain
{
    my ($self) = @_;
    my $end = clock_gettime(CLOCK_MONOTONIC) + $self->{drain};
    $self->say('all faults over, draining');
    while (1)
    {
        $self->supervise;
        my $left = $self->try_sql('select (select count(*) from herald.outbox) + (select count(*) from herald.retry)');
        last if defined $left && $left eq '0';
        last if clock_gettime(CLOCK_MONOTONIC) > $end;
        sleep 0.25;
    }
    return;
}

sub stop
{
    my ($self) = @_;
    $self->{resting} = 1;
    $_->{process}->stop(30) for @{ $self->{slots} };
    $self->{double}->stop(30);
    return;
}

# ---- the comparison ----

sub judge
{
    my ($self) = @_;
    $self->say('comparing');
    run_quietly("psql -Xq -h $self->{socket} -p 5432 -U postgres -d app -v dir=$self->{dir} -f $sources/export.sql");
    $self->create_database;
    return $self->check($self->{dir});
}

# The checker's own database.
sub create_database
{
    my ($self) = @_;
    run_quietly("createdb -h $self->{socket} -p 5432 -U postgres ledger");
    return;
}

# Compare the files of a folder.
sub check
{
    my ($self, $dir) = @_;
    my $psql = "psql -Xq -h $self->{socket} -p 5432 -U postgres -d ledger -v dir=$dir";
    run_quietly("$psql -f $sources/check.sql");
    my %verdict = split /[|\n]/, run_quietly("$psql -At -c 'select name, value from verdict'");
    $verdict{recovery} = run_quietly("$psql -At -c 'select coalesce(round(percentile_disc(0.99) within group"
          . " (order by seconds)::numeric, 3), 0) from recovery'") + 0;
    $verdict{lost} = $verdict{vanished} + $verdict{said_sent} + $verdict{given_up};
    $verdict{phantoms} = $verdict{phantom} + $verdict{strangers};
    $verdict{corrupted} = $verdict{content} + $verdict{crossed} + $verdict{mixed} + $verdict{wrong_state}
      + $verdict{stale_applied} + $verdict{keys_taken};
    $verdict{unexplained_all} = $verdict{unexplained} + $verdict{without_claim} + $verdict{doubled};
    $self->{report} = "$psql -f $sources/report.sql";
    return \%verdict;
}

sub report { return run_quietly($_[0]{report}) }

sub line
{
    my ($self, $v) = @_;
    return sprintf 'ledger: %d acked, %d kills, lost %d, phantom %d, stuck %d, corrupted %d, '
      . 'duplicates explained %d, unexplained %d, recovery p99 %s s, seed %s',
      @$v{qw(acked kills lost phantoms stuck corrupted explained unexplained_all recovery)}, $self->{seed};
}

sub is_clean
{
    my ($self, $v) = @_;
    return !grep { $v->{$_} } qw(lost phantoms stuck corrupted unexplained_all);
}

# ---- helpers ----

# Result of a statement in "app"; undefined when it fails.
sub try_sql
{
    my ($self, $statement) = @_;
    my $pid = open my $pipe, '-|';
    die "psql: $!\n" unless defined $pid;
    if ($pid == 0)
    {
        open STDERR, '>', "$self->{dir}/psql.err";
        exec 'psql', '-XqAt', '-h', $self->{socket}, '-p', 5432, '-U', 'postgres', '-d', 'app',
          '-v', 'ON_ERROR_STOP=1', '-c', $statement
          or POSIX::_exit(127);
    }
    my $answer = do { local $/ = undef; <$pipe> } // '';
    close $pipe or return undef;
    chomp $answer;
    return $answer;
}

sub sql
{
    my ($self, $statement) = @_;
    return $self->try_sql($statement) // die "ledger: $statement\n" . slurp("$self->{dir}/psql.err");
}

sub DESTROY
{
    my ($self) = @_;
    local $?;
    $self->{resting} = 1;
    run_quietly($self->pg_ctl('-m immediate stop')) if $self->{is_started};
    $self->{is_started} = 0;
    return;
}

1;
