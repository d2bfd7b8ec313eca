# Rotation and pg_dump: maintenance never waits in front of senders for a lock that a dump holds, and
# what is sent while dumps run one after the other is all there.
use strict;
use warnings;
use Herald::Cluster;
use IPC::Run qw(start pump finish timeout);
use PostgreSQL::Test::Utils;
use Test::More;

my $cluster = Herald::Cluster->start_new('rotation', conf => "fsync = off\n");
$cluster->sql(q{select herald.notify_template('t');
    select herald.notify_template_part('t', 'sms', 'text', 'x');
    select herald.notify_template_publish('t');
    select herald.notify_recipient('r', phone => '+15005551000')});
$cluster->sql('call herald.tick()');
my @at = ('-h', $cluster->host, '-p', $cluster->port);

# A leaf that is big, drained and not in use by senders for the next half minute.
my $leaf = $cluster->sql('select (herald.outbox_leaf() + 6) % 12');
my $size = "select pg_relation_size('herald.outbox_$leaf')";
my $fill = "insert into herald.outbox_$leaf (id, bucket, notification, recipient, channel, priority, template, lane, queued_at, created_at)
    select herald.new_id(1), 1, herald.new_id(1), 'r', 'voice', 'normal', 't', 0, now(), now() from generate_series(1, %d)";
$cluster->sql(sprintf($fill, 5000) . "; delete from herald.outbox_$leaf");
cmp_ok($cluster->sql($size), '>', 262_144, 'a drained leaf');

# What pg_dump does first.
my ($in, $out) = ('', '');
my $dump = start([ 'psql', '-XAtq', @at, '-d', 'app' ], \$in, \$out, timeout(120));
$in = join '', "begin isolation level repeatable read;\n", map({ "lock table herald.outbox_$_ in access share mode;\n" } 0 .. 11),
  "lock table herald.delivery, herald.notification, herald.attempt in access share mode;\nselect 'locked';\n";
pump $dump until $out =~ /locked/;
my $tick = start([ 'psql', '-XAtq', @at, '-d', 'app', '-c', 'set statement_timeout = 20000', map({ ('-c', 'call herald.tick()') } 1 .. 20) ],
    '<', \undef, '>&', \my $ticked, timeout(120));
my $waiting = 0;
for (1 .. 20)
{
    $cluster->sql("set lock_timeout = 1000; " . sprintf($fill, 1) . "; delete from herald.outbox_$leaf");
    $waiting += $cluster->sql('select count(*) from pg_locks where not granted');
}
ok(finish($tick), 'maintenance goes on beside a dump') or diag($ticked);
is($ticked, '', 'and says nothing');
is($waiting, 0, 'nothing waits for a lock');
cmp_ok($cluster->sql($size), '>', 262_144, 'the leaf is left alone');
$in .= "commit;\n\\q\n";
finish $dump;
$cluster->sql('call herald.tick()');
is($cluster->sql($size), 0, 'and emptied after the dump');

# Dumps one after the other while senders send. A lock that is not there in a second ends a sender.
my $script = PostgreSQL::Test::Utils::tempdir() . '/send.sql';
PostgreSQL::Test::Utils::append_to_file($script, "select herald.notify_send('t', 'r');\n");
my ($clients, $sends) = (8, 250);
my ($report, $dumps, $told) = ('', 0, '');
my $senders = do {
    local $ENV{PGOPTIONS} = '-c lock_timeout=1000';
    start([ 'pgbench', '-n', '-c', $clients, '-t', $sends, '-f', $script, @at, 'app' ], '<', \undef, '>&', \$report, timeout(200));
};
while ($senders->pumpable)
{
    $senders->pump_nb;
    $dumps++ if system('pg_dump', @at, '-f', '/dev/null', 'app') == 0;
    $cluster->sql('call herald.tick()');
}
ok(finish($senders), 'all senders come to their end') or diag($report);
cmp_ok($dumps, '>', 0, 'dumps ran meanwhile');
is($cluster->sql('select count(*) from herald.notification'), $clients * $sends, 'every send is there');
is($cluster->sql(q{select count(*) from herald.outbox where channel = 'sms'}), $clients * $sends, 'and waits to be claimed');

$cluster->stop;
done_testing();
