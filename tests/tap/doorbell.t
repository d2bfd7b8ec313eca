# The doorbell by itself: who wakes a session that LISTENs and has armed it, and who does not.
use strict;
use warnings;
use Herald::Cluster;
use Herald::Util qw(wait_for);
use Test::More;

my $row = q{insert into herald.outbox_0 (id, bucket, notification, recipient, channel, priority, template,
    lane, queued_at, created_at) values (herald.new_id(1), 1, herald.new_id(1), 'r', 'sms', 'normal', 't', 0, now(), now())};

# Does a listening session hear of what other sessions do? It waits up to a second.
sub hears
{
    my ($cluster, $arm, @statements) = @_;
    s/\s+/ /g for @statements;
    my $commands = join "\n", map { "\\! psql -Xq -d app -h " . $cluster->host . ' -p ' . $cluster->port . " -c \"$_\"" }
      @statements;
    my $wait = join "\n", ('select pg_sleep(0.1);') x 10;
    my ($code, $out) = $cluster->psql('app', "listen herald_outbox;\n$arm\n$commands\n$wait");
    is($code, 0, 'psql');
    return () = $out =~ /Asynchronous notification "herald_outbox"/g;
}

sub workers
{
    return $_[0]->sql(q{select count(*) from pg_stat_activity where backend_type = 'pg_herald doorbell'});
}

my $cluster = Herald::Cluster->start_new('bell', conf => 'max_prepared_transactions = 2');
my $arm = 'select herald.doorbell_arm();';
is($cluster->sql('select herald.doorbell_arm()'), 'doorbell', 'preloaded: there is a doorbell');
is(hears($cluster, $arm, $row), 1, 'a commit rings');
is(hears($cluster, '', $row), 0, 'not when nobody has armed');
is(hears($cluster, $arm, $row, $row, $row), 1, 'once, until armed again');
is(hears($cluster, "$arm\n$arm", $row), 1, 'arming twice is arming once');
is(hears($cluster, $arm, "begin; $row; rollback"), 0, 'a rollback does not ring');
is(hears($cluster, $arm, "begin; savepoint s; $row; release s; commit"), 1, 'a savepoint does');
is(hears($cluster, $arm, "begin; $row; savepoint s; $row; rollback to s; commit"), 1, 'what was before one too');
is(hears($cluster, $arm, "begin; $row; prepare transaction 'p'", 'select 1'), 0, 'nor does a prepared transaction');
is(hears($cluster, $arm, q{commit prepared 'p'}), 0, 'not even when committed: the poll finds it');
is(hears($cluster, $arm, "set session_replication_role = replica; $row"), 0, 'triggers are off for a replica');
is(hears($cluster, $arm, q{create table t (); drop table t}), 0, 'other tables do not ring');
is(hears($cluster, $arm, 'select herald.ring()'), 1, 'a write that is no insert rings by itself');
is(hears($cluster, $arm, "delete from herald.retry; insert into herald.retry (id, bucket, notification, recipient, channel,"
        . " priority, template, lane, state, due_at, created_at) values (herald.new_id(1), 1, herald.new_id(1), 'r', 'sms',"
        . " 'normal', 't', 0, 'retry', now(), now())", 'call herald.tick()'), 1, 'promotion rings');

# The worker goes with the last session that armed, so that a database can be dropped.
wait_for('the worker to end', sub { workers($cluster) == 0 });
pass('no session, no worker');
$cluster->safe_psql('postgres', 'create database other');
$cluster->safe_psql('other', 'create extension pg_herald');
is($cluster->safe_psql('other', 'select herald.doorbell_arm()'), 'doorbell', 'another database has a bell of its own');
my ($code) = $cluster->psql('postgres', 'drop database other');
is($code, 0, 'a database can be dropped after its dispatcher has left');
$cluster->stop;

my $plain = Herald::Cluster->start_new('plain', preload => 0);
is($plain->sql('select herald.doorbell_arm()'), 'poll', 'not preloaded: poll');
is(hears($plain, '', $row), 1, 'a single commit NOTIFYs');
is(hears($plain, '', "begin; $row; rollback"), 0, 'a rollback does not');
is(hears($plain, '', $row, $row), 2, 'one after the other');
$plain->stop;

my $full = Herald::Cluster->start_new('full', conf => 'max_worker_processes = 0');
is($full->sql('select herald.doorbell_arm()'), 'poll', 'no background worker left: poll');
$full->stop;
done_testing();
