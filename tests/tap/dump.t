# Dump with rows in every kind of leaf, restore elsewhere, compare every table, send.
use strict;
use warnings;
use Herald::Cluster;
use Herald::Fixture qw(accounts add_template start_all start_dispatcher wait_final);
use PostgreSQL::Test::Utils;
use Test::More;

my ($cluster, $sandbox) = start_all('dumped');
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}', 'push/title' => '{{ n }}', 'push/body' => 'b');
$cluster->sql(q{select herald.notify_template_variables('t', '{"properties": {"n": {"type": "integer"}}}')});
$cluster->sql(q{select herald.notify_template_sample('t', '{"n": 5}')});
$cluster->sql(q{select herald.notify_template_accept('t')});
$cluster->sql(q{select herald.notify_template_grant('herald_author', 't*', 'edit')});
$cluster->sql(q{select herald.notify_category('news')});
$cluster->sql(q{select herald.notify_setting('idempotency_days', '40')});
$cluster->sql(q{select herald.notify_object('\\x0102', 'a/b', 'x'), herald.notify_object('\\x0102', 'a/b', 'y')});
$cluster->sql(q{select herald.notify_object_external('https://a.example/', 'a/b')});
$cluster->sql(q{select herald.notify_recipient('r' || i, phone => '+1500555' || 1000 + i) from generate_series(1, 40) i});
$cluster->sql(q{select herald.notify_device('r1', 'ios', 'apns', 'ab12', app => 'org.example.app')});
$cluster->sql(q{select herald.notify_preference('r2', 'news', 'sms', false)});

$cluster->sql(q{select herald.notify_send('t', 'r1', '{"n": 1}', idempotency_key => 'k1')});
$cluster->sql('call herald.tick()');
# Rows in DEFAULT leaves: of a day that has no partition.
$cluster->sql(q{with copied as (select n.*, herald.id_floor(now() + interval '400 days') as later
        from herald.notification n)
    insert into herald.notification select later, bucket, recipient, template, version, category, priority,
        data || '{"n": 0}', attributes, locale, timezone, sender, null, send_at, expires_at, created_at,
        '{}' from copied});
# Rows in a partition made at run time, in every state.
my $dispatcher = start_dispatcher($cluster, $sandbox);
$cluster->sql(q{select herald.notify_send('t', 'r' || i, '{"n": 2}') from generate_series(1, 10) i});
wait_final($cluster);
$dispatcher->stop;
# Content that lies in a store.
$cluster->sql(q{select herald.notify_object_store('https://s.example', 'r', 'files',
    secrets => '{"access_key_id": "env:A", "secret_access_key": "env:B"}')});
is($cluster->sql(q{with next as materialized (select sha256 from herald.object_store_next())
    select count(*) from next, herald.object_store_done(sha256, false, true)}), 1, 'content lies in a store');
$cluster->sql(q{select herald.notify_send('t', 'r3', '{"n": 3}', send_at => now() + interval '1 hour')});
# A channel that waits for another one, and what came of others.
$cluster->sql(q{select herald.notify_category('cheap', cheapest => '{push,sms}', wait => '1 hour')});
$cluster->sql(q{select herald.notify_send('t', 'r1', '{"n": 5}', category => 'cheap', send_at => now() + interval '1 hour')});
$cluster->sql(q{insert into herald.fallback_stats select current_date, category, channel, channels[1], 3, 4 from herald.fallback});
is($cluster->sql('select count(*) from herald.fallback_stats'), 1, 'a channel waits');
# One row in each leaf of the outbox.
$cluster->sql(q{select herald.notify_send('t', 'r' || i, '{"n": 4}', channels => '{sms}') from generate_series(21, 32) i});
for my $leaf (0 .. 11)
{
    $cluster->sql(qq{with moved as (delete from herald.outbox where id = (select id from herald.outbox
            where recipient = 'r' || (21 + $leaf) limit 1) returning *)
        insert into herald.outbox_$leaf select * from moved});
    is($cluster->sql("select count(*) > 0 from only herald.outbox_$leaf"), 't', "outbox_$leaf holds a row");
}
cmp_ok($cluster->sql('select count(*) from herald.notification_default'), '>', 0, 'DEFAULT holds rows');
cmp_ok($cluster->sql(q{select count(*) from pg_inherits where inhparent = 'herald.delivery'::regclass}), '>', 1,
    'partitions were made at run time');

my $file = PostgreSQL::Test::Utils::tempdir() . '/dump';
my @at = ('-h', $cluster->host, '-p', $cluster->port);
is(system('pg_dump', @at, '-Fc', '-f', $file, 'app'), 0, 'pg_dump');
my $copy = Herald::Cluster->start_new('restored', extension => 0);
$copy->sql('create role dispatcher login');
is(system('pg_restore', '-h', $copy->host, '-p', $copy->port, '--exit-on-error', '-d', 'app', $file), 0,
    'pg_restore');

# The copy has a key of its own besides, but signs with the old one.
my $signer = 'select herald.object_signer()';
is($copy->sql($signer), $cluster->sql($signer), 'URLs of objects stay good');
my @tables = grep { $_ ne 'object_key' } split /\n/, $cluster->sql(q{select c.relname from pg_class c
    where c.relnamespace = 'herald'::regnamespace and c.relkind in ('r', 'p') order by 1});
cmp_ok(scalar @tables, '>', 40, 'there are tables to compare');
for my $table (@tables)
{
    my $count = "select count(*), md5(string_agg(r, chr(10) order by r))"
      . " from (select row(t.*)::text as r from herald.$table t) rows";
    is($copy->sql($count), $cluster->sql($count), "$table is the same");
}

my $epoch = 'select last_value, is_called from herald.dispatcher_epoch';
is($copy->sql($epoch), $cluster->sql($epoch), 'the epoch sequence is the same');

my $newest = 'select max(id) from herald.template_history';
cmp_ok($copy->sql($newest), '>', 5, 'there is history');
$copy->sql(q{select herald.notify_template_publish('t')});
is($copy->sql($newest), $cluster->sql($newest) + 1, 'which goes on in the copy');
is($copy->sql(q{select name from herald.notify_template_search('t')}), 't', 'its templates are found');

$copy->sql('grant herald_dispatcher to dispatcher');
$copy->sql('select herald.arm()');
my $heir = start_dispatcher($copy, $sandbox, name => 'heir');
$copy->sql(q{select herald.notify_send('t', 'r9', '{"n": 9}', channels => '{sms}')});
wait_final_but_scheduled();
is($copy->sql(q{select count(*) from herald.delivery d join herald.notification n on n.id = d.notification
    where n.data = '{"n": 9}' and d.state = 'sent'}), 1, 'the restored database sends');
is($copy->sql(q{select count(*) from herald.delivery d join herald.notification n on n.id = d.notification
    where n.data = '{"n": 4}' and d.state = 'sent'}), 12, 'what waited in the outbox is sent from there');
is($copy->sql(q{select herald.notify_send('t', 'r1', '{"n": 1}', idempotency_key => 'k1')
    = (select id from herald.notification where data = '{"n": 1}')}), 't', 'idempotency keys are known');
cmp_ok($copy->sql('select max(epoch) from herald.dispatcher'), '>',
    $cluster->sql('select max(epoch) from herald.dispatcher'), 'epochs go on above the old ones');
done_testing();

sub wait_final_but_scheduled
{
    require Herald::Util;
    return Herald::Util::wait_for('the restored outbox to drain', sub {
        $copy->sql('select count(*) from herald.outbox') == 0;
    });
}
