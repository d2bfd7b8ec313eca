# The one private PostgreSQL of a benchmark run: settings, recipients, a template, and a clean state.
package Bench::Server;

use strict;
use warnings;
use Bench::Process qw(family_cpu_us);
use Exporter 'import';
use File::Temp qw(tempdir);
use Herald::Util qw(run_quietly slurp wait_for);

our @EXPORT_OK = qw(RECIPIENTS start_server reset_traffic query query_all data_dir server_cpu_us
  wal_bytes table_bytes hold_transaction);

use constant RECIPIENTS => 1000;
use constant LEAVES => 0 .. 11;

my $data = "$ENV{HERALD_WORK}/bench";
my $is_started = 0;
$SIG{$_} = sub { exit 130 }
  for qw(INT TERM PIPE);

END
{
    my $status = $?;
    system "pg_ctl -D $data/cluster -m immediate stop >/dev/null 2>&1" if $is_started;
    $? = $status;
}

sub data_dir { return $data }

sub query
{
    my ($answer) = query_all($_[0]);
    return $answer;
}

# Answers of statements that run side by side, each in a session of its own.
sub query_all
{
    my (@statements) = @_;
    local $ENV{PGOPTIONS} = '-c client_min_messages=warning';
    my @pipes = map {
        open my $pipe, '-|', 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-c', $_ or die "psql: $!\n";
        $pipe;
    } @statements;
    my @answers = map { my $pipe = $_; local $/ = undef; scalar <$pipe> // '' } @pipes;
    chomp @answers;
    close $_ or die "bench: a statement failed\n" for @pipes;
    return @answers;
}

# BENCH_CONF has more settings, separated by semicolons; BENCH_FSYNC_MS makes the disk slower.
sub start_server
{
    my $socket = tempdir('heraldXXXX', TMPDIR => 1, CLEANUP => 1);
    run_quietly("mkdir -p $data");
    run_quietly("initdb -D $data/cluster -U postgres -A trust -E UTF8 --locale=C.UTF-8");
    open my $conf, '>>', "$data/cluster/postgresql.conf" or die "postgresql.conf: $!\n";
    print $conf <<"END";
listen_addresses = ''
unix_socket_directories = '$socket'
shared_preload_libraries = 'pg_herald'
shared_buffers = 1GB
max_wal_size = 8GB
checkpoint_timeout = 15min
wal_compression = lz4
jit = off
END
    print $conf "$_\n" for split /;\s*/, $ENV{BENCH_CONF} // '';
    close $conf or die "postgresql.conf: $!\n";
    @ENV{qw(PGHOST PGPORT PGUSER PGDATABASE)} = ($socket, 5432, 'postgres', 'postgres');
    my $slow = $ENV{BENCH_FSYNC_MS} ? "LD_PRELOAD=$ENV{HERALD_TESTS}/bench/shim/slow_fsync.so " : '';
    run_quietly("${slow}pg_ctl -w -D $data/cluster -l $data/postgresql.log start");
    $is_started = 1;
    set_up();
    return;
}

sub set_up
{
    my $last = RECIPIENTS - 1;
    query('create extension pg_herald');
    query('select herald.arm()');
    query(q{select herald.notify_template('bench');
            select herald.notify_template_part('bench', 'sms', 'text',
                'Order {{ n }} of {{ recipient.name | default: "you" }} has left our warehouse');
            select herald.notify_template_publish('bench')});
    query(q{select herald.notify_template('bench_mail');
            select herald.notify_template_part('bench_mail', 'email', 'subject', 'Your parcel {{ n }}');
            select herald.notify_template_part('bench_mail', 'email', 'text', 'It has left our warehouse');
            select herald.notify_template_publish('bench_mail')});
    query(qq{select count(herald.notify_recipient('bench-' || i, phone => '+1500555' || 1000 + i,
                email => 'bench-' || i || '\@example.org'))
               from generate_series(0, $last) i});
    query('create table bench_recipients as select array_agg(id order by id) as ids from herald.recipient');
    query('call herald.tick()');
    return;
}

# Nothing waits and nothing was ever sent.
sub reset_traffic
{
    query('truncate herald.outbox, herald.retry, herald.notification, herald.delivery,'
          . ' herald.attempt, herald.event, herald.early_event, herald.inbox, herald.idempotency');
    query('checkpoint');
    return;
}

sub server_cpu_us
{
    my ($pid) = slurp("$data/cluster/postmaster.pid") =~ /^(\d+)/;
    return family_cpu_us($pid);
}

sub wal_bytes { return query(q{select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')}) }

# Size of the tables whose names match, with indexes.
sub table_bytes
{
    my ($pattern) = @_;
    return query(qq{select coalesce(sum(pg_total_relation_size(oid)), 0) from pg_class
        where relnamespace = 'herald'::regnamespace and relkind = 'r' and relname ~ '$pattern'});
}

# A session that runs the statement in a transaction and sits there; close what is returned to end it.
sub hold_transaction
{
    my ($level, $statement) = @_;
    local $ENV{PGAPPNAME} = 'bench-holder';
    open my $pipe, '|-', 'psql -Xq >/dev/null' or die "psql: $!\n";
    $pipe->autoflush(1);
    print $pipe "begin isolation level $level;\n$statement;\n";
    wait_for('the idle transaction', sub {
        query(q{select count(*) from pg_stat_activity
            where application_name = 'bench-holder' and state = 'idle in transaction'});
    });
    return $pipe;
}

1;
