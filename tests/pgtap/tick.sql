-- tick: promotion, expiry, reclaim, partitions, retention, rotation. Commits, so not in one transaction.
select * from no_plan();

create function pg_temp.wait(who text, due interval, state text default 'retry', since interval default '-1 minute',
                             expires interval default null, category text default null) returns uuid
language plpgsql as $$
declare
    b integer := herald.bucket(who);
    d uuid := herald.new_id(b);
begin
    insert into herald.retry (id, bucket, notification, recipient, channel, priority, category, template, lane, attempt,
                              failures, state, due_at, created_at, expires_at)
    values (d, b, herald.new_id(b), who, 'sms', 'high', category, 't', 7, 3, 2, state::herald.delivery_state, now() + due, now() + since,
            now() + expires);
    return d;
end
$$;
create function pg_temp.put(who text, leaf integer, since interval default '-1 minute', expires interval default null,
                            category text default null, epoch bigint default null) returns uuid
language plpgsql as $$
declare
    b integer := herald.bucket(who);
    d uuid := herald.new_id(b);
begin
    execute format('insert into herald.outbox_%s (id, bucket, notification, recipient, channel, priority, category, template, lane,'
                   ' attempt, failures, queued_at, created_at, expires_at, epoch) values ($1, $2, $3, $4, %L, %L, $5, %L, 15, 3, 2, $6, $6, $7, $8)',
                   leaf, 'sms', 'high', 't')
      using d, b, herald.new_id(b), who, category, now() + since, now() + expires, epoch;
    return d;
end
$$;
insert into herald.category (name, max_age, policy, max_attempts) values ('short', '10 minutes', 'at_least_once', 12),
    ('long', '30 days', 'at_least_once', 12), ('once', '24 hours', 'at_most_once', 12), ('few', '24 hours', 'at_least_once', 3);

-- settings
select is(herald.setting_value('retention_days'), '30', 'a setting has a default');
select is(herald.setting_value('nonsense'), null, 'unknown settings have no value');
select lives_ok($$select herald.notify_setting('retention_days', '7')$$);
select is(herald.setting_value('retention_days'), '7', 'it can be changed');
select lives_ok($$select herald.notify_setting('retention_days', '8')$$);
select is(herald.setting_value('retention_days'), '8', 'and changed again');
select lives_ok($$select herald.notify_setting('retention_days', null)$$);
select is(herald.setting_value('retention_days'), '30', 'and put back');
select throws_ok($$select herald.notify_setting('retention_dais', '7')$$, '22023', 'unknown setting "retention_dais"');
select throws_ok(format('select herald.notify_setting(%L, %L)', 'retention_days', v), '22023',
                 'setting retention_days must be a whole number between 1 and 3650')
  from unnest(array['0', '3651', '-1', '', 'x', '1.5', '99999999999999', ' 7']) v;

-- partitions; rows that came before them leave the DEFAULT leaf
insert into herald.notification (id, bucket, recipient, template, version, priority, data, locale, sender, created_at, deliveries)
select herald.new_id(1), 1, 'early', 't', 1, 'normal', '{}', '', 'me', now(), '{}' from generate_series(1, 100);
insert into herald.event (id, bucket, delivery, source, source_id, kind, occurred_at, created_at)
values (herald.id_floor(now() + interval '40 days'), 1, herald.new_id(1), 's', '1', 'k', now(), now());
select ok(not ok, 'without partitions health says so') from herald.health() where name = 'delivery_partitions';
call herald.tick();
select is((select count(*) from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = ('herald.' || t)::regclass
             and c.relname ~ ('^' || t || '_p\d{8}$')), 15::bigint, t || ' has partitions for today and two weeks ahead')
  from unnest(array['notification', 'delivery', 'attempt', 'event', 'inbox']) t;
select has_table('herald', 'notification_p' || to_char(now() at time zone 'UTC', 'YYYYMMDD'), 'one is called by its day');
select col_is_pk('herald', 'attempt_p' || to_char(now() at time zone 'UTC', 'YYYYMMDD'), array['id', 'bucket', 'attempt'], 'it has a key');
select is((select count(*) from herald.notification_default), 0::bigint, 'early rows moved out of DEFAULT');
select is((select count(*) from herald.notification where recipient = 'early'), 100::bigint, 'and none is lost');
select is((select count(*) from pg_depend where deptype = 'e' and objid in (select oid from pg_class where relname ~ '_p\d{8}$')),
          0::bigint, 'partitions are no members of the extension');
select results_eq($$select name, ok from herald.health() where name in ('event_default', 'delivery_default', 'delivery_partitions', 'doorbell') order by 1$$,
                  $$values ('delivery_default', true), ('delivery_partitions', true), ('doorbell', true), ('event_default', false)$$,
                  'health tells of rows in DEFAULT');
select is(herald.tick_partitions(), false, 'nothing more to make');

-- promotion
select pg_temp.wait('due' || i, make_interval(secs => -i), case i % 3 when 0 then 'retry' when 1 then 'scheduled' else 'held' end)
  from generate_series(1, 9) i \g /dev/null
select pg_temp.wait('later', '1 hour') \g /dev/null
select pg_temp.wait('expired', '-1 second', 'scheduled', expires => '-1 second') \g /dev/null
select pg_temp.wait('expired early', '1 hour', 'scheduled', expires => '-1 second') \g /dev/null
select pg_temp.wait('aged', '-1 second', since => '-25 hours') \g /dev/null
select pg_temp.wait('short', '-1 second', since => '-11 minutes', category => 'short') \g /dev/null
select pg_temp.wait('long', '-1 second', since => '-25 days', category => 'long') \g /dev/null
select pg_temp.wait('patient', '-1 second', 'scheduled', since => '-25 days') \g /dev/null
call herald.tick();
select results_eq('select recipient from herald.retry', $$values ('later')$$, 'what is not due waits on');
select set_eq('select recipient, lane, attempt, failures, epoch from herald.outbox',
              $$select r, 7::smallint as l, 3 as a, 2 as f, null::bigint as e from (select 'due' || i as r from generate_series(1, 9) i union all values ('long'), ('patient')) x$$,
              'what is due is in the outbox');
select ok(queued_at > now() - interval '1 minute', 'queued now') from herald.outbox where recipient = 'patient';
select set_eq('select recipient, state::text, reason, attempts from herald.delivery',
              $$values ('expired', 'expired', 'expires_at', 3), ('expired early', 'expired', 'expires_at', 3), ('aged', 'dead', 'max_age', 3),
                       ('short', 'dead', 'max_age', 3)$$, 'what is too late has ended');
delete from herald.outbox;
delete from herald.delivery;
select pg_temp.wait('r' || i, '-1 second') from generate_series(1, 2500) i \g /dev/null
select is(herald.tick_promote(), true, 'a full batch asks for more');
select is((select count(*) from herald.outbox), 1000::bigint, 'a batch has 1000');
call herald.tick();
select is((select count(*) from herald.outbox), 2500::bigint, 'tick goes on to the end');
delete from herald.outbox;

-- expiry in the outbox
select pg_temp.put('e' || i, i, expires => '-1 second') from generate_series(0, 11) i \g /dev/null
select pg_temp.put('claimed', 4, expires => '-1 second', epoch => 99) \g /dev/null
select pg_temp.put('still good', 4, expires => '1 hour') \g /dev/null
select pg_temp.put('no end', 4) \g /dev/null
call herald.tick();
select is((select count(*) from herald.delivery where state = 'expired' and reason = 'expires_at'), 12::bigint, 'in every leaf, what has expired ends');
select set_eq('select recipient from herald.outbox', array['claimed', 'still good', 'no end'], 'nothing else does');
delete from herald.outbox;
delete from herald.delivery;
select pg_temp.put('old' || i, i, since => '-25 hours') from generate_series(0, 11) i \g /dev/null
select pg_temp.put('long' || i, i, since => '-25 hours', category => 'long') from generate_series(0, 11) i \g /dev/null
select pg_temp.put('short' || i, i, since => '-11 minutes', category => 'short') from generate_series(0, 11) i \g /dev/null
select pg_temp.put('young' || i, i, since => '-11 minutes') from generate_series(0, 11) i \g /dev/null
select herald.expire_leaf(leaf, now(), 1000, now() - interval '10 minutes') from generate_series(0, 11) leaf \g /dev/null
select is((select count(*) from herald.delivery where state = 'dead' and reason = 'max_age' and recipient ~ '^(old|short)'), 24::bigint, 'what is too old ends');
select is((select count(*) from herald.outbox where recipient ~ '^(long|young)'), 24::bigint, 'by the age of its category');
delete from herald.outbox;
delete from herald.delivery;

-- reclaim
insert into herald.dispatcher (epoch, name, version) values (50, 'lost', '1.0'), (51, 'idle', '1.0');
select pg_temp.put('a', 1, category => 'long', epoch => 50), pg_temp.put('b', 2, category => 'once', epoch => 50),
       pg_temp.put('c', 3, category => 'few', epoch => 50), pg_temp.put('d', 4, epoch => 52) \g /dev/null
call herald.tick();
select is((select count(*) from herald.outbox where epoch = 50), 3::bigint, 'a lost session has 2 s to come back');
select pg_sleep(2.1) \g /dev/null
call herald.tick();
select results_eq('select recipient, epoch, attempt, failures, claimed_at from herald.outbox order by 1',
                  $$values ('a', null::bigint, 3, 2, null::timestamptz), ('c', null, 3, 2, null), ('d', 52, 3, 2, null)$$, 'then its claims are taken back');
select results_eq('select recipient, state::text, reason from herald.delivery order by 1',
                  $$values ('b', 'unknown', 'lease_lost')$$, 'or end, by policy');
select is((select count(*) from herald.attempt where class = 'lease_lost' and epoch = 50 and attempt = 3 and applied), 3::bigint, 'each with an attempt');
select is((select count(*) from herald.dispatcher where epoch in (50, 51) and gone_at is not null), 2::bigint, 'the epochs are gone');
delete from herald.outbox;
delete from herald.delivery;
select herald.dispatcher_start('me', '1.0') as epoch \gset
select pg_temp.put('mine', 1, epoch => :epoch) \g /dev/null
call herald.tick();
select pg_sleep(2.1) \g /dev/null
call herald.tick();
select is((select count(*) from herald.outbox where epoch = :epoch), 1::bigint, 'who holds the lock keeps its claims');
select pg_advisory_unlock_all() \g /dev/null
delete from herald.outbox;
select is(herald.observe(-5, 'x'), 0::bigint, 'a first look');
select pg_sleep(0.05) \g /dev/null
select ok(herald.observe(-5, 'x') between 50000 and 2000000, 'the same look later');
select is(herald.observe(-5, 'y'), 0::bigint, 'another look');
select is(herald.observe(-6, 'y'), 0::bigint, 'another epoch');

-- retention
select herald.partition_create('delivery', 'id, bucket', '2026-01-01') \g /dev/null
select herald.partition_create('delivery', 'id, bucket', '2026-01-02') \g /dev/null
select herald.partition_create('notification', 'id, bucket', '2026-01-01') \g /dev/null
insert into herald.delivery (id, bucket, notification, recipient, channel, priority, template, state, attempts, created_at, finished_at)
values (herald.id_floor('2026-01-01 12:00+00'), 1, herald.new_id(1), 'past', 'sms', 'high', 't', 'sent', 1, now(), now());
insert into herald.event (id, bucket, delivery, source, source_id, kind, occurred_at, created_at)
values (herald.id_floor('2020-01-01'), 1, herald.new_id(1), 's', '2', 'k', now(), now());
insert into herald.idempotency (recipient, key, bucket, id, content_hash, created_at)
values ('r', 'old', 1, herald.new_id(1), '', now() - interval '31 days'), ('r', 'new', 1, herald.new_id(1), '', now() - interval '29 days');
insert into herald.device_token (id, bucket, device, recipient, issuer, token, state, state_at)
select herald.new_id(1), 1, herald.new_id(1), 'r', 'fcm', s || d, s::herald.token_state, now() - d * interval '1 day'
  from unnest(array['active', 'suspect', 'retired']) s, unnest(array[29, 31]) d;
insert into herald.retry (id, bucket, notification, recipient, channel, priority, template, lane, state, due_at, created_at)
values (herald.id_floor('2026-01-01 12:00+00'), 1, herald.new_id(1), 'far', 'sms', 'high', 't', 0, 'scheduled', now() + interval '1 day', now());
call herald.tick();
select has_table('herald', 'delivery_p20260101', 'not while deliveries of that time wait');
delete from herald.retry;
call herald.tick();
select hasnt_table('herald', t, t || ' is gone') from unnest(array['delivery_p20260101', 'delivery_p20260102', 'notification_p20260101']) t;
select has_table('herald', 'delivery_p' || to_char(now() at time zone 'UTC', 'YYYYMMDD'), 'today stays');
select results_eq('select key from herald.idempotency', $$values ('new')$$, 'old keys are gone');
select results_eq('select token from herald.device_token order by token', $$values ('active29'), ('active31'), ('retired29'), ('suspect29'), ('suspect31')$$,
                  'retired tokens are gone');
select results_eq('select source_id from herald.event_default', $$values ('1')$$, 'old rows leave DEFAULT');

-- rotation: a leaf that is neither written now nor next
create temp table turned as select (herald.outbox_leaf() + 6) % 12 as leaf;
select pg_temp.put('r' || i, (select leaf from turned)) from generate_series(1, 3000) i \g /dev/null
select herald.tick_step('rotate', leaf) from turned \g /dev/null
select is((select count(*) from herald.outbox), 3000::bigint, 'a leaf in use stays');
delete from herald.outbox;
select herald.tick_step('rotate', leaf) from turned \g /dev/null
select is(pg_relation_size(format('herald.outbox_%s', leaf)), 0::bigint, 'a drained leaf is emptied') from turned;
select pg_temp.put('r1', (select leaf from turned)) \g /dev/null
delete from herald.outbox;
select herald.tick_step('rotate', leaf) from turned \g /dev/null
select is(pg_relation_size(format('herald.outbox_%s', leaf)), 8192::bigint, 'a small one is left alone') from turned;
select is(herald.tick_step('nonsense'), null, 'an unknown step does nothing');

-- pg_cron
select throws_ok('select herald.schedule_tick()', '0A000', 'pg_cron is not installed in this database');

select * from finish();
