# F33: a copy of a database does not send until somebody arms it; a standby that is promoted goes on by
# itself.
use strict;
use warnings;
use Herald::Cluster;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use Herald::Util qw(free_port slurp wait_for);
use HTTP::Tiny;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($cluster, $sandbox) = start_all('original', armed => 0,
    conf => "wal_level = replica\nmax_wal_senders = 5\n");
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}');
$cluster->sql(q{select herald.notify_recipient('r', phone => '+15005550010')});

sub send_text
{
    my ($where, $text, $database) = @_;
    return $where->safe_psql($database // 'app', "select herald.notify_send('t', 'r', '{\"n\": \"$text\"}')");
}

sub arrived
{
    my ($text) = @_;
    return scalar grep { $_->{body} =~ /Body=$text\b/ } $sandbox->requests;
}

# A dispatcher of this database says once that it stands by, and nothing leaves.
sub stands_by
{
    my ($what, $where, $database, $text) = @_;
    my $port = free_port();
    my %at = (PGDATABASE => $database);
    my $before = $sandbox->requests;
    my $once = start_dispatcher($where, $sandbox, name => "once_$text", notify => 0, env => {%at},
        args => ['--once']);
    wait_for('--once to end', sub { !$once->is_alive });
    is($once->{status} >> 8, 4, "$what: --once exits with 4");
    my $dispatcher = start_dispatcher($where, $sandbox, name => "copy_$text", env => {%at},
        args => [ '--metrics', "127.0.0.1:$port" ]);
    $dispatcher->wait_for_log(qr/standing by: this database is not armed.*select herald\.arm\(\)/);
    my $get = sub { HTTP::Tiny->new->get("http://127.0.0.1:$port$_[0]") };
    is($get->('/healthz')->{status}, 503, "$what: /healthz says that it is not ready");
    like($get->('/healthz')->{content}, qr/not armed/, 'and why');
    wait_for('health in the metrics', sub {
        $get->('/metrics')->{content} =~ /^herald_health\{check="armed"\} 0$/m
          && $get->('/metrics')->{content} =~ /^herald_armed 0$/m;
    });
    is($where->safe_psql($database, q{select ok from herald.health() where name = 'armed'}), 'f',
        "$what: herald.health() says so");
    # Several heartbeats and polls.
    my $ticks = q{select calls from pg_stat_user_functions where funcname = 'tick_reclaim'};
    my $from = $where->safe_psql($database, $ticks) || 0;
    wait_for('some rounds of maintenance', sub { ($where->safe_psql($database, $ticks) || 0) >= $from + 3 });
    is(() = $dispatcher->log =~ /not armed/g, 1, "$what: one line in the log");
    is(scalar $sandbox->requests, $before, "$what: nothing was sent");
    return $dispatcher;
}

# It goes on soon after somebody armed the database.
sub goes_on
{
    my ($what, $dispatcher, $where, $database, $text) = @_;
    is($where->safe_psql($database, 'select herald.arm()'), 't', "$what: armed");
    is($where->safe_psql($database, 'select herald.arm()'), 'f', 'once is enough');
    wait_for("$text to arrive", sub { arrived($text) }, 5);
    is(arrived($text), 1, "$what: sends what waited, without a restart");
    like($dispatcher->log, qr/msg="the database is armed"/, "$what: says so");
    return;
}

$cluster->append_conf('postgresql.conf', 'track_functions = all');
$cluster->reload;

# Fresh.
send_text($cluster, 'fresh');
my $first = stands_by('a new database', $cluster, 'app', 'fresh');
goes_on('a new database', $first, $cluster, 'app', 'fresh');
wait_final($cluster);
$first->stop;

# Dumped and restored into another cluster.
send_text($cluster, 'dumped');
my $file = PostgreSQL::Test::Utils::tempdir() . '/dump';
is(system('pg_dump', '-h', $cluster->host, '-p', $cluster->port, '-Fc', '-f', $file, 'app'), 0, 'pg_dump');
my $restored = Herald::Cluster->start_new('restored', extension => 0, conf => "track_functions = all\n");
$restored->sql('create role dispatcher login');
is(system('pg_restore', '-h', $restored->host, '-p', $restored->port, '--exit-on-error', '-d', 'app', $file), 0,
    'pg_restore');
$restored->sql('grant herald_dispatcher to dispatcher');
my $copy = stands_by('a restored dump', $restored, 'app', 'dumped');
like($restored->sql(q{select detail from herald.health() where name = 'armed'}), qr/copy.*select herald\.arm\(\)/,
    'with what to do');
goes_on('a restored dump', $copy, $restored, 'app', 'dumped');
$copy->stop;
$restored->stop;

# Cloned within the cluster. The original still delivers.
send_text($cluster, 'cloned');
$cluster->safe_psql('postgres', 'create database clone template app');
my $clone = stands_by('a clone', $cluster, 'clone', 'cloned');
my $original = start_dispatcher($cluster, $sandbox, name => 'original');
wait_for('the original to deliver', sub { arrived('cloned') == 1 });
wait_final($cluster);
is($cluster->safe_psql('clone', 'select count(*) from herald.outbox'), 2, 'the clone still keeps what waited');
$clone->stop;
$original->stop;

# Fail-over: the same cluster under another roof.
$cluster->backup('base');
my $standby = bless PostgreSQL::Test::Cluster->new('standby'), 'Herald::Cluster';
$standby->init_from_backup($cluster, 'base', has_streaming => 1);
$standby->start;
my $both = start_dispatcher($cluster, $sandbox, name => 'both', env => {
    PGHOST => join(',', $cluster->host, $standby->host),
    PGPORT => join(',', $cluster->port, $standby->port),
    PGTARGETSESSIONATTRS => 'read-write' });
send_text($cluster, 'before');
wait_final($cluster);
$cluster->wait_for_catchup($standby);
$cluster->stop('immediate');
$standby->promote;
send_text($standby, 'after');
wait_for('a delivery from the new primary', sub { arrived('after') }, 30);
is(arrived('before'), 1, 'what was recorded before is not repeated');
unlike($both->log, qr/not armed/, 'after a fail-over nobody has to arm');

# Disarmed, as one does before a physical copy.
is($standby->sql('select herald.disarm()'), 't', 'disarmed');
is($standby->sql('select herald.disarm()'), 'f', 'once is enough');
$both->wait_for_log(qr/not armed/);
send_text($standby, 'disarmed');
my ($code, $out, $err) = $standby->try_sql(
    q{select herald.dispatcher_start('by hand', '1.0') as epoch \gset
      select * from herald.claim(:epoch, 'sms', 1)});
isnt($code, 0, 'the claim itself refuses');
like($err, qr/not armed.*select herald\.arm\(\)/s, 'with a hint');
is(arrived('disarmed'), 0, 'nothing leaves');
goes_on('armed again', $both, $standby, 'app', 'disarmed');
is($standby->sql(q{select count(*), count(distinct armed_at), bool_and(armed_by = current_user) from herald.armed}),
    '3|3|t', 'who armed and disarmed is on record');
is($both->stop, 0, 'a dispatcher ends cleanly');
done_testing();
