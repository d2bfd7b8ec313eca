-- claim: what is claimed, in which order, with which verdict and details; dispatcher_start and _join.
begin;
select * from no_plan();

-- put(recipient, channel, …): a delivery in a leaf, its notification beside it; returns its id.
create function pg_temp.put(who text, via text, priority text default 'normal', leaf integer default 0,
                            age interval default '0', device uuid default null, expires interval default null,
                            category text default 'news', lane integer default 0) returns uuid
language plpgsql as $$
declare
    b integer := herald.bucket(who);
    n uuid := herald.new_id(b);
    d uuid := herald.new_id(b);
begin
    insert into herald.notification (id, bucket, recipient, template, version, category, priority, data, locale,
                                     timezone, attributes, sender, created_at, deliveries)
    values (n, b, who, 't', 3, category, priority::herald.priority, '{"a": 1}', 'ko', 'Asia/Seoul', '{"b": 2}', 'me',
            '2026-01-01 00:00:00+00', array[d]);
    execute format('insert into herald.outbox_%s (id, bucket, notification, recipient, channel, priority, device,'
                   ' category, template, lane, queued_at, created_at, expires_at)'
                   ' values ($1, $2, $3, $4, $5::herald.channel, $6::herald.priority, $7, $8, %L, $9, $10, $11, $12)', leaf, 't')
      using d, b, n, who, via, priority, device, category, lane, clock_timestamp() - age, '2026-01-01 00:00:00+00'::timestamptz,
            clock_timestamp() + expires;
    return d;
end
$$;

insert into herald.category (name, policy, max_attempts, max_age, mandatory)
values ('news', 'at_least_once', 5, '2 hours', false), ('codes', 'at_most_once', 1, '5 minutes', true);
insert into herald.recipient (id, bucket, email, phone, timezone)
select r, herald.bucket(r), r || '@example.org', '+1500555' || 1000 + i, 'Europe/Berlin'
  from (select 'r' || i as r, i from generate_series(1, 30) i) x;

-- dispatchers
select throws_ok($$select herald.dispatcher_start('d', '2.0')$$, '0A000', 'dispatcher 2.0 does not fit extension 1.0');
select throws_ok($$select herald.dispatcher_start('d', null)$$, '0A000');
select throws_ok($$select herald.dispatcher_start(null, '1.0')$$, '22004');
select throws_ok($$select * from herald.claim(1, 'sms', 1)$$, '55000', 'this session has not joined epoch 1');
select lives_ok($$insert into herald.dispatcher (epoch, name, version) values (1000, 'restored', '1.0')$$);
select lives_ok($$select pg_temp.put('r1', 'voice')$$);
update herald.outbox set epoch = 2000;
select is(herald.dispatcher_start('d', '1.5'), 2001::bigint, 'an epoch starts above every one that is stored');
select is((select count(*) from pg_locks where locktype = 'advisory' and classid = 1214606916 and objid = 2001
              and mode = 'ShareLock' and pid = pg_backend_pid()), 1::bigint, 'its session holds the lock');
select is(herald.dispatcher_start('e', '1.0'), 2002::bigint, 'the next one follows');
select ok(herald.dispatcher_join(2001), 'a session joins');
select ok(not herald.dispatcher_join(3), 'but not an epoch that never was');
update herald.dispatcher set gone_at = now() where epoch = 1000;
select ok(not herald.dispatcher_join(1000), 'nor one that is gone');
select is((select count(*) from pg_locks where classid = 1214606916 and objid = 1000), 0::bigint, 'and keeps no lock on it');
select throws_ok($$select * from herald.claim(1000, 'sms', 1)$$, '55000');
delete from herald.outbox;

-- arguments
select throws_ok($$select * from herald.claim(2001, 'fax', 1)$$, '22023', 'unknown channel "fax"');
select throws_ok($$select * from herald.claim(null, 'sms', 1)$$, '22004');
select throws_ok($$select * from herald.claim(2001, null, 1)$$, '22004');
select throws_ok($$select * from herald.claim(2001, 'sms', null)$$, '22004');
select is_empty($$select * from herald.claim(2001, 'sms', 10)$$, 'nothing to claim');
select is_empty($$select * from herald.claim(2001, 'sms', 0)$$, 'no credit, no claim');
select is_empty($$select * from herald.claim(2001, 'sms', -1)$$, 'nor with less');

-- order: priority, then time, over the leaves; shares of the priorities as fairness.sql has them
create temp table placed as
select i, pg_temp.put('r' || i, 'sms', (array['bulk', 'urgent', 'normal', 'high'])[i % 4 + 1],
                      herald.outbox_leaf(clock_timestamp() - make_interval(secs => 2 * i)), make_interval(secs => 2 * i)) as id from generate_series(1, 24) i;
-- Rows with times of long ago are looked for once a second.
select pg_sleep(1.1) \g /dev/null
create temp table claimed as select row_number() over () as n, 1 as call, c.* from herald.claim(2001, 'sms', 6) c;
select is((select count(*) from claimed), 6::bigint, 'as many as asked for');
insert into claimed select row_number() over (), 2, c.* from herald.claim(2001, 'sms', 1000) c;
select is((select count(*) from claimed), 24::bigint, 'then the rest');
select results_eq('select recipient from claimed order by call, n',
                  $$select c.recipient from claimed c join placed p using (id) order by c.call, c.priority::herald.priority, p.i desc$$,
                  'most urgent first, then oldest');
select is((select array_agg(c.recipient || ' ' || c.priority order by c.n) from claimed c where c.call = 1),
          '{r21 urgent,r17 urgent,r13 urgent,r23 high,r19 high,r22 normal}', 'the oldest of each priority');
select is_empty($$select * from herald.claim(2001, 'sms', 10)$$, 'nothing twice');
select is((select count(*) from herald.outbox o join claimed c using (id)
            where o.tableoid = ('herald.outbox_' || c.leaf)::regclass and o.epoch = 2001 and o.attempt = 1
              and o.claimed_at is not null and c.attempt = 1), 24::bigint, 'claims are marked in the leaf they name');
select is_empty($$select * from herald.claim(2001, 'email', 10)$$, 'another channel has none');
delete from herald.outbox;

-- details
select pg_temp.put('r1', 'sms', age => '1 second', expires => '1 hour') as id \gset
select results_eq(
    format($$select recipient, priority, category, template, version, locale, data, attributes, timezone, utc_offset_s,
                    time_us, created_us, expires_us > herald.unix_us(now()), verdict, address, tokens::text, policy, max_attempts, max_age_s,
                    max_segments, topics
               from herald.claim(2001, 'sms', 10) where id = %L$$, :'id'),
    $$values ('r1', 'normal', 'news', 't', 3, 'ko', '{"a": 1}'::jsonb, '{"b": 2}'::jsonb, 'Asia/Seoul', 32400,
              1767225600000000, 1767225600000000, true, null::text, '+15005551001', null::text, 'at_least_once', 5, 7200, 0, false)$$,
    'a claim brings what rendering needs');
select pg_temp.put('r1', 'sms') as id \gset
update herald.notification set send_at = '2026-02-01 00:00:00+00', timezone = 'Nowhere/Land' where deliveries @> array[:'id'::uuid];
select results_eq($$select utc_offset_s, time_us, created_us, timezone from herald.claim(2001, 'sms', 10)$$,
                  $$values (0, 1769904000000000, 1769904000000000, 'Nowhere/Land')$$, 'time of the send, and an unknown zone');
select pg_temp.put('r1', 'sms', category => null) \g /dev/null
select results_eq($$select policy, max_attempts, max_age_s, max_segments, topics from herald.claim(2001, 'sms', 10)$$,
                  $$values ('at_least_once', 12, 86400, 0, false)$$, 'defaults without a category');
update herald.category set max_segments = 2, topics = true where name = 'codes';
select pg_temp.put('r1', 'sms', category => 'codes') \g /dev/null
select results_eq($$select policy, max_attempts, max_age_s, max_segments, topics from herald.claim(2001, 'sms', 10)$$,
                  $$values ('at_most_once', 1, 300, 2, true)$$, 'policy of the category');

-- verdicts: recipient, address, preference and suppression as they are now
insert into herald.recipient (id, bucket) values ('bare', herald.bucket('bare'));
insert into herald.preference (bucket, recipient, category, channel, enabled)
select herald.bucket(r), r, c, 'sms', false from unnest(array['r2', 'r3']) r, unnest(array['news', 'codes']) c;
insert into herald.preference (bucket, recipient, category, channel, enabled)
values (herald.bucket('r4'), 'r4', 'news', 'sms', true), (herald.bucket('r5'), 'r5', 'news', 'email', false);
insert into herald.suppression (bucket, recipient, channel, address, reason, source)
values (herald.bucket('r6'), 'r6', 'email', 'R6@Example.ORG', 'bounce', 'test'),
       (herald.bucket('r6'), 'r6', 'email', 'r6@example.org', 'bounce', 'test'),
       (herald.bucket('r7'), 'r7', 'sms', '+15005559999', 'stop', 'test');
create temp table expected as
select pg_temp.put(v.who, v.via, category => v.category, expires => v.expires, age => '1 second') as id, v.*
  from (values ('r1', 'sms', 'news', null::interval, null),
               ('gone', 'sms', 'news', null, 'suppressed: recipient_gone'),
               ('bare', 'sms', 'news', null, 'suppressed: no_address'),
               ('bare', 'email', 'news', null, 'suppressed: no_address'),
               ('bare', 'inapp', 'news', null, null),
               ('r1', 'push', 'news', null, 'suppressed: no_address'),
               ('r2', 'sms', 'news', null, 'suppressed: opted_out'),
               ('r3', 'sms', 'codes', null, null),
               ('r2', 'sms', null, null, null),
               ('r4', 'sms', 'news', null, null),
               ('r5', 'sms', 'news', null, null),
               ('r5', 'email', 'news', null, 'suppressed: opted_out'),
               ('r6', 'email', 'news', null, 'suppressed: address_suppressed'),
               ('r6', 'sms', 'news', null, null),
               ('r7', 'sms', 'news', null, null),
               ('r1', 'sms', 'news', '-1 second', 'expired: expires_at'),
               ('gone', 'sms', 'news', '-1 second', 'expired: expires_at')) as v (who, via, category, expires, verdict);
create temp table got as
select c.* from unnest(array['sms', 'email', 'push', 'inapp']) ch cross join lateral herald.claim(2001, ch, 100) c;
select is(g.verdict, e.verdict, format('%s %s %s %s', e.who, e.via, e.category, e.expires))
  from expected e left join got g using (id);
select is((select count(*) from got), (select count(*) from expected), 'each once');

select pg_temp.put('r1', 'sms') as id \gset
delete from herald.notification where deliveries @> array[:'id'::uuid];
select is((select verdict from herald.claim(2001, 'sms', 10)), 'failed: notification_gone', 'a notification that is gone');

-- tokens
insert into herald.device (id, bucket, recipient, kind) values (herald.new_id(herald.bucket('r8')), herald.bucket('r8'), 'r8', 'ios');
insert into herald.device_token (id, bucket, device, recipient, issuer, token, app, environment, state, registered_at)
select herald.new_id(d.bucket), d.bucket, d.id, v.recipient, 'apns', v.token, 'org.example', 'sandbox', v.state::herald.token_state,
       '2026-01-01 00:00:00+00'::timestamptz + v.n * interval '1 hour'
  from herald.device d, (values ('r8', 'old', 'active', 1), ('r8', 'new', 'suspect', 3), ('r8', 'dead', 'retired', 4),
                                ('r9', 'foreign', 'active', 5)) as v (recipient, token, state, n);
select pg_temp.put('r8', 'push', device => (select id from herald.device)) \g /dev/null
create temp table pushed as select * from herald.claim(2001, 'push', 10);
select is((select verdict from pushed), null, 'a device with tokens');
select is((select address from pushed), null, 'a device has no address but its tokens');
select is((select jsonb_agg(t - 'id' - 'registered_ms' || jsonb_build_object('registered', herald.from_unix_us((t ->> 'registered_ms')::bigint * 1000) at time zone 'UTC')) from pushed, json_array_elements(tokens) j, to_jsonb(j) t),
          '[{"issuer": "apns", "token": "new", "app": "org.example", "environment": "sandbox", "state": "suspect", "registered": "2026-01-01T03:00:00"},
            {"issuer": "apns", "token": "old", "app": "org.example", "environment": "sandbox", "state": "active", "registered": "2026-01-01T01:00:00"}]'::jsonb,
          'living tokens, newest first');
update herald.device_token set state = 'retired';
select pg_temp.put('r8', 'push', device => (select id from herald.device)) \g /dev/null
select is((select verdict from herald.claim(2001, 'push', 10)), 'suppressed: no_address', 'all tokens dead');

-- buckets
delete from herald.outbox;
select pg_temp.put('r' || i, 'voice') from generate_series(1, 10) i \g /dev/null
select is_empty(format($$select * from herald.claim(2001, 'voice', 10, array[%s])$$,
                       (select b from generate_series(0, 4095) b where b not in (select bucket from herald.outbox) limit 1)),
                'other buckets have none');
select results_eq(format($$select recipient from herald.claim(2001, 'voice', 10, array[%s, %s])$$, herald.bucket('r3'), herald.bucket('r9')),
                  $$values ('r3'), ('r9')$$, 'only the buckets asked for');
select is((select count(*) from herald.claim(2001, 'voice', 10)), 8::bigint, 'then the others');

-- late and odd rows are not missed: a sweep finds them, at the latest a second after the one before
create function pg_temp.claim_until(wanted bigint) returns bigint language plpgsql as $$
declare
    v_end constant timestamptz := clock_timestamp() + interval '10 seconds';
    v_count bigint := 0;
begin
    while v_count < wanted and clock_timestamp() < v_end loop
        v_count := v_count + (select count(*) from herald.claim(2001, 'voice', 100));
    end loop;
    return v_count;
end
$$;
select pg_temp.put('r1', 'voice', leaf => i, age => '3 days') from generate_series(0, 11) i \g /dev/null
select is(pg_temp.claim_until(12), 12::bigint, 'rows that were committed late, in any leaf');
select pg_temp.put('r1', 'voice', age => '-1 hour') \g /dev/null
select is(pg_temp.claim_until(1), 1::bigint, 'a row from a clock that was ahead');
select is((select count(*) from herald.outbox where epoch is null), 0::bigint, 'nothing is left');

select * from finish();
rollback;
