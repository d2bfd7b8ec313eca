-- record and release: what a result does to outbox, delivery, retry, attempt, tokens and suppression.
begin;
select * from no_plan();

create function pg_temp.put(who text, via text default 'sms', leaf integer default 0, category text default null,
                            expires timestamptz default null) returns uuid
language plpgsql as $$
declare
    b integer := herald.bucket(who);
    d uuid := herald.new_id(b);
begin
    execute format('insert into herald.outbox_%s (id, bucket, notification, recipient, channel, priority, category,'
                   ' template, lane, failures, queued_at, created_at, expires_at)'
                   ' values ($1, $2, $3, $4, $5::herald.channel, %L, $6, %L, 5, 2, clock_timestamp(), $7, $8)', leaf, 'high', 't')
      using d, b, herald.new_id(b), who, via, category, '2026-01-01 00:00:00+00'::timestamptz, expires;
    return d;
end
$$;
create temp table claimed (like herald.outbox, leaf integer);
create temp table results (n serial, leaf integer, id uuid, attempt integer, state text, class text, provider text, phase text,
                           status integer, code text, reason text, provider_id text, started_us bigint, latency_us bigint,
                           failures integer, due_us bigint, token uuid, token_state text, evidence_us bigint, address text, tries jsonb);
-- take(channel): claim and note what is to be recorded as sent.
create function pg_temp.take(via text) returns void language plpgsql as $$
begin
    truncate results restart identity;
    loop
        insert into results (leaf, id, attempt, state, class, provider, phase, status, provider_id, started_us, latency_us, failures)
        select c.leaf, c.id, c.attempt, 'sent', 'accepted', 'acme', 'response', 200, 'p-' || c.recipient, 1767225600000000, 1500, c.failures
          from herald.claim(1, via, 1000) c;
        exit when not found;
    end loop;
end $$;
-- record(epoch): record what was noted.
create function pg_temp.record(epoch bigint default 1, out applied integer, out stale integer) language sql as $$
    select r.* from (select array_agg(leaf order by n) as a1, array_agg(id order by n) as a2, array_agg(attempt order by n) as a3,
        array_agg(state order by n) as a4, array_agg(class order by n) as a5, array_agg(provider order by n) as a6,
        array_agg(phase order by n) as a7, array_agg(status order by n) as a8, array_agg(code order by n) as a9,
        array_agg(reason order by n) as a10, array_agg(provider_id order by n) as a11, array_agg(started_us order by n) as a12,
        array_agg(latency_us order by n) as a13, array_agg(failures order by n) as a14, array_agg(due_us order by n) as a15,
        array_agg(token order by n) as a16, array_agg(token_state order by n) as a17, array_agg(evidence_us order by n) as a18,
        array_agg(address order by n) as a19, array_agg(tries order by n) as a20 from results) a
    cross join lateral herald.record(epoch, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19,
                                     a20, 1767225700000000) r;
$$;
select is(herald.dispatcher_start('d', '1.0'), 1::bigint, 'the first epoch is 1');
insert into herald.recipient (id, bucket, email, phone)
select r, herald.bucket(r), r || '@example.org', '+1500555' || 1000 + i from (select 'r' || i as r, i from generate_series(1, 30) i) x;

-- every outcome, in several leaves at once
select pg_temp.put('r' || i, leaf => i, category => 'c', expires => '2100-01-01 00:00:00+00') from generate_series(1, 8) i \g /dev/null
select pg_temp.take('sms') \g /dev/null
select is((select count(*) from results), 8::bigint, 'eight claims');
update results set state = (array['sent', 'retry', 'failed', 'dead', 'suppressed', 'expired', 'unknown', 'sent'])[leaf],
                   class = (array['accepted', 'retry', 'content', 'retry', null, null, 'unknown', 'accepted'])[leaf],
                   reason = case leaf when 3 then 'bad text' when 5 then 'opted_out' end, code = case leaf when 2 then 'E2' end,
                   failures = 3, due_us = case leaf when 2 then 1767229200000000 end;
select results_eq('select applied, stale from pg_temp.record()', 'values (8, 0)', 'all are applied');
select is((select count(*) from herald.outbox), 0::bigint, 'the outbox is empty');
select results_eq($$select recipient, state::text, channel::text, priority::text, category, template, reason, code, provider, provider_id, attempts,
                           created_at, finished_at from herald.delivery order by recipient$$,
    $$select v.r, v.s, 'sms', 'high', 'c', 't', v.why, null::text, 'acme', 'p-' || v.r, 1, '2026-01-01 00:00:00+00'::timestamptz,
             '2026-01-01 00:01:40+00'::timestamptz
        from (values ('r1', 'sent', null), ('r3', 'failed', 'bad text'), ('r4', 'dead', null), ('r5', 'suppressed', 'opted_out'),
                     ('r6', 'expired', null), ('r7', 'unknown', null), ('r8', 'sent', null)) v (r, s, why)$$, 'final states');
select results_eq('select recipient, state::text, attempt, failures, due_at, expires_at, created_at, channel::text, priority::text, lane from herald.retry',
    $$values ('r2', 'retry', 1, 3, '2026-01-01 01:00:00+00'::timestamptz, '2100-01-01 00:00:00+00'::timestamptz,
              '2026-01-01 00:00:00+00'::timestamptz, 'sms', 'high', 5::smallint)$$, 'a retry waits');
select results_eq($$select r.leaf, a.class::text, a.epoch, a.phase, a.status, a.code, a.reason, a.applied, a.started_at, a.finished_at, a.latency_us
                      from herald.attempt a join results r using (id, attempt) order by r.leaf$$,
    $$select v.l, v.c, 1::bigint, 'response', 200, v.code, v.why, true, '2026-01-01 00:00:00+00'::timestamptz, '2026-01-01 00:01:40+00'::timestamptz,
             1500::bigint
        from (values (1, 'accepted', null, null), (2, 'retry', 'E2', null), (3, 'content', null, 'bad text'), (4, 'retry', null, null),
                     (7, 'unknown', null, null), (8, 'accepted', null, null)) v (l, c, code, why)$$,
    'an attempt for each class, none where nothing was tried');
select results_eq('select applied, stale from pg_temp.record()', 'values (0, 8)', 'a repeated record is stale');
select ok(bool_and(applied) and count(*) = 6, 'and leaves the attempts of the first alone') from herald.attempt;

-- one element for all
select pg_temp.put('r' || i) from generate_series(1, 3) i \g /dev/null
select pg_temp.take('sms') \g /dev/null
select results_eq($$select r.* from (select array_agg(id) as ids from results) x cross join lateral
    herald.record(1, '{0}', ids, '{1}', '{retry}', '{throttle}', '{acme}', '{response}', '{429}', '{NULL}', '{slow}', '{NULL}',
                  '{1767225600000000}', '{1500}', '{4}', '{1767229200000000}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', 1767225700000000) r$$,
    'values (3, 0)', 'an array of one element is enough');
select results_eq($$select a.class::text, a.status, r.failures, r.reason, r.due_at, count(*) from herald.attempt a join herald.retry r using (id, attempt)
                      join results using (id) group by 1, 2, 3, 4, 5$$,
                  $$values ('throttle', 429, 4, 'slow', '2026-01-01 01:00:00+00'::timestamptz, 3::bigint)$$, 'it holds for all');
select throws_ok($$select herald.record(1, '{0}', array[herald.new_id(1), herald.new_id(1)], '{1,1,1}', '{sent}', '{NULL}', '{NULL}', '{NULL}',
    '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', 1)$$,
    '2202E', 'arrays must have the same length');
select throws_ok($$select herald.record(1, '{0,0}', array[herald.new_id(1)], '{1}', '{sent}', '{NULL}', '{NULL}', '{NULL}',
    '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', 1)$$,
    '2202E', 'arrays must have the same length');
delete from herald.retry;
delete from herald.attempt;

-- several attempts in one claim: those that others refused come before the last one
select pg_temp.put('r' || i) from generate_series(1, 4) i \g /dev/null
select pg_temp.take('sms') \g /dev/null
update results set tries = '[{"class": "config", "provider": "first", "phase": "send", "status": 401, "code": "20003", "reason": "Authenticate",
                              "started_us": 1767225600000000, "latency_us": 700},
                             {"class": "retry", "provider": "second", "started_us": 1767225601000000, "latency_us": 0}]' where n <= 3;
update results set state = 'expired', class = null, reason = 'expires_at' where n = 2;
update results set state = 'retry', class = 'throttle', due_us = 1767229200000000 where n = 3;
select results_eq('select applied, stale from pg_temp.record()', 'values (4, 0)', 'tries are recorded with the result');
select results_eq($$select r.n, a.attempt, a.class::text, a.provider, a.status, a.code, a.finished_at from herald.attempt a join results r using (id) order by 1, 2$$,
    $$select v.n, v.a, v.c, v.p, v.s, v.code, v.t::timestamptz from (values
        (1, 1, 'config', 'first', 401, '20003', '2026-01-01 00:00:00.0007+00'), (1, 2, 'retry', 'second', null, null, '2026-01-01 00:00:01+00'),
        (1, 3, 'accepted', 'acme', 200, null, '2026-01-01 00:01:40+00'), (2, 1, 'config', 'first', 401, '20003', '2026-01-01 00:00:00.0007+00'),
        (2, 2, 'retry', 'second', null, null, '2026-01-01 00:00:01+00'), (3, 1, 'config', 'first', 401, '20003', '2026-01-01 00:00:00.0007+00'),
        (3, 2, 'retry', 'second', null, null, '2026-01-01 00:00:01+00'), (3, 3, 'throttle', 'acme', 200, null, '2026-01-01 00:01:40+00'),
        (4, 1, 'accepted', 'acme', 200, null, '2026-01-01 00:01:40+00')) v(n, a, c, p, s, code, t)$$, 'each is an attempt of its own');
select results_eq('select r.n, d.attempts from herald.delivery d join results r using (id) order by 1', 'values (1, 3), (2, 2), (4, 1)',
                  'and counts');
select is(attempt, 3, 'the next claim follows them') from herald.retry;
select results_eq('select applied, stale from pg_temp.record()', 'values (0, 4)', 'a repeated record is stale');
select is(count(*), 9::bigint, 'and adds nothing') from herald.attempt;
delete from herald.retry;
delete from herald.attempt;

-- fence: epoch and attempt
select pg_temp.put('r9') as id \gset
select pg_temp.take('sms') \g /dev/null
select results_eq('select * from pg_temp.record(2)', 'values (0, 1)', 'another epoch is stale');
select ok(not applied and provider_id = 'p-r9' and epoch = 2, 'its attempt is kept, not applied') from herald.attempt where id = :'id';
select is((select epoch from herald.outbox where id = :'id'), 1::bigint, 'the claim stands');
delete from herald.attempt where id = :'id';
update results set attempt = 7;
select results_eq('select * from pg_temp.record()', 'values (0, 1)', 'another attempt is stale');
update results set attempt = 1, leaf = 5;
select results_eq('select * from pg_temp.record()', 'values (0, 1)', 'another leaf has no such row');
delete from herald.attempt where id = :'id';
-- as reclaim leaves it
update herald.outbox set epoch = null where id = :'id';
insert into herald.attempt (id, bucket, attempt, epoch, class, reason, finished_at) values (:'id', herald.bucket('r9'), 1, 1, 'lease_lost', 'lost', now());
update results set leaf = 0;
select results_eq('select * from pg_temp.record()', 'values (0, 1)', 'a lost lease is stale');
select results_eq(format('select class::text, reason, provider, provider_id, applied from herald.attempt where id = %L', :'id'),
                  $$values ('lease_lost', 'lost', 'acme', 'p-r9', false)$$, 'and the provider''s reference is kept with its attempt');
select ok(epoch is null, 'the delivery waits') from herald.outbox where id = :'id';
select is((select count(*) from herald.delivery where id = :'id'), 0::bigint, 'and is not finished');
select is((select attempt from herald.claim(1, 'sms', 1)), 2, 'the next attempt has a number of its own');

-- a mixture
select pg_temp.put('r' || i, leaf => i % 3) from generate_series(10, 20) i \g /dev/null
select pg_temp.take('sms') \g /dev/null
update herald.outbox set attempt = 2 where recipient in ('r12', 'r17');
select results_eq('select * from pg_temp.record()', 'values (9, 2)', 'stale results do not hold up the others');
delete from herald.outbox;

-- rows that are there already, which should not be: the others are recorded, and nothing is tried again
select pg_temp.put('r' || i) from generate_series(1, 3) i \g /dev/null
select pg_temp.take('sms') \g /dev/null
insert into herald.delivery (id, bucket, notification, recipient, channel, priority, template, state, attempts, created_at, finished_at)
select o.id, o.bucket, o.notification, o.recipient, o.channel, o.priority, o.template, 'failed', 9, o.created_at, now()
  from herald.outbox o where o.recipient = 'r2';
insert into herald.attempt (id, bucket, attempt, epoch, class, finished_at)
select o.id, o.bucket, o.attempt, 9, 'retry', now() from herald.outbox o where o.recipient = 'r3';
select results_eq('select * from pg_temp.record()', 'values (3, 0)', 'a row that is there does not fail the batch');
select results_eq($$select r.provider_id, d.state::text, d.attempts, a.epoch from results r join herald.delivery d using (id)
                      join herald.attempt a using (id) order by 1$$,
                  $$values ('p-r1', 'sent', 1, 1::bigint), ('p-r2', 'failed', 9, 1), ('p-r3', 'sent', 1, 9)$$, 'and stays as it is');
select is((select count(*) from herald.outbox), 0::bigint, 'the claims are ended');
delete from herald.delivery;
delete from herald.attempt;

-- tokens
insert into herald.device_token (id, bucket, device, recipient, issuer, token, registered_at)
select herald.new_id(herald.bucket('r1')), herald.bucket('r1'), herald.new_id(1), 'r1', 'apns', t, '2026-01-01 00:00:00+00'
  from unnest(array['fresh', 'old', 'now', 'doubt', 'gone']) t;
update herald.device_token set state = 'retired', state_at = '2025-01-01' where token = 'gone';
select pg_temp.put('r1') from generate_series(1, 5) \g /dev/null
select pg_temp.take('sms') \g /dev/null
update results r set state = 'failed', class = 'token_invalid', code = 'Unregistered', token = t.id, token_state = v.s,
                     evidence_us = herald.unix_us(v.at::timestamptz)
  from (values (1, 'fresh', 'retired', '2025-12-31 00:00+00'), (2, 'old', 'retired', '2026-01-01 00:00+00'), (3, 'now', 'retired', null),
               (4, 'doubt', 'suspect', null), (5, 'gone', 'suspect', null)) v (n, token, s, at) join herald.device_token t using (token)
 where r.n = v.n;
select results_eq('select * from pg_temp.record()', 'values (5, 0)', 'tokens are judged');
select results_eq('select token, state::text, state_reason from herald.device_token order by token',
    $$values ('doubt', 'suspect', 'Unregistered'), ('fresh', 'active', null), ('gone', 'retired', null), ('now', 'retired', 'Unregistered'),
             ('old', 'retired', 'Unregistered')$$, 'but not what was registered after the evidence, and never back');

-- suppression
insert into herald.suppression (bucket, recipient, channel, address, reason, source) values (herald.bucket('r2'), 'r2', 'email', 'r2@example.org', 'first', 'x');
select pg_temp.put('r' || i, 'email') from unnest(array[1, 2, 2]) i \g /dev/null
select pg_temp.take('email') \g /dev/null
update results set state = 'suppressed', class = 'suppressed', code = '550', reason = 'no such user', address = 'R' || substr(provider_id, 4) || '@Example.ORG';
update results set address = 'r2@EXAMPLE.org' where provider_id = 'p-r2';
select results_eq('select * from pg_temp.record()', 'values (3, 0)', 'addresses are suppressed');
select results_eq('select recipient, channel::text, address, reason, source, evidence from herald.suppression order by recipient',
    $$values ('r1', 'email', 'R1@example.org', '550', 'acme', 'no such user'), ('r2', 'email', 'r2@example.org', 'first', 'x', null)$$,
    'domain in lower case, the first evidence stays');

-- release
select pg_temp.put('r' || i, leaf => i) from generate_series(1, 3) i \g /dev/null
select pg_temp.take('sms') \g /dev/null
select is(herald.release(2, array_agg(leaf), array_agg(id), array_agg(attempt)), 0, 'nobody else gives claims back') from results;
select is(herald.release(1, array_agg(leaf), array_agg(id), array_agg(attempt + 1)), 0, 'nor with another attempt') from results;
select is(herald.release(1, array_agg(leaf), array_agg(id), array_agg(attempt)), 3, 'claims are given back') from results;
select is((select count(*) from herald.outbox where epoch is null and claimed_at is null and attempt = 1 and failures = 2), 3::bigint, 'the number of the attempt stays');
select is(herald.release(1, array_agg(leaf), array_agg(id), array_agg(attempt)), 0, 'once') from results;
select results_eq('select * from pg_temp.record()', 'values (0, 3)', 'what was given back can not be recorded');
select pg_temp.take('sms') \g /dev/null
select is((select count(*) from results where attempt = 2), 3::bigint, 'and is claimed again');
delete from herald.outbox;

-- refusals: nothing is changed
select pg_temp.put('r1') \g /dev/null
select pg_temp.take('sms') \g /dev/null
create function pg_temp.bad(change text) returns text language plpgsql as $$
begin
    execute 'update results set ' || change;
    perform pg_temp.record();
    return null;
exception when others then
    return sqlstate;
end $$;
select is(pg_temp.bad(format('state = %L', s)), '22023', format('claimed does not become %s', s))
  from unnest(enum_range(null::herald.delivery_state)::text[] || array['nonsense', '']) s
 where s not in (select to_state::text from herald.delivery_edge where from_state = 'claimed' and to_state <> 'queued');
select is(pg_temp.bad(format('state = %L, due_us = 1', s)), null, format('claimed may become %s', s))
  from (select to_state::text as s from herald.delivery_edge where from_state = 'claimed' and to_state <> 'queued') e;
select pg_temp.put('r1') \g /dev/null
select pg_temp.take('sms') \g /dev/null
select is(pg_temp.bad('state = null'), '22023', 'no state');
select is(pg_temp.bad('state = ''retry'''), '22023', 'a retry without a time');
select is(pg_temp.bad('leaf = 13'), '22023', 'leaf 13');
select is(pg_temp.bad('leaf = -1'), '22023', 'leaf -1');
select is(pg_temp.bad('leaf = null'), '22023', 'no leaf');
select is(pg_temp.bad('class = ''nonsense'''), '22P02', 'an unknown class');
select is(pg_temp.bad('started_us = 9223372036854775807, id = id'), null, 'a time in the far future is a time');
select is((select count(*) from herald.outbox), 0::bigint, 'recorded in the end');
select throws_ok($$select herald.release(1, array[0], array[]::uuid[], array[1])$$, '2202E', 'arrays must have the same length');
select throws_ok($$select herald.release(1, null, array[]::uuid[], array[1])$$, '22004');
select is(herald.release(1, '{}', '{}', '{}'), 0, 'nothing to give back');
truncate results;
select throws_ok('select pg_temp.record()', '22004', 'argument 2 must not be null');

-- a session that does not wait for the disk waits when it records
set local synchronous_commit = off;
select pg_temp.put('r1') \g /dev/null
select pg_temp.take('sms') \g /dev/null
select is(current_setting('synchronous_commit'), 'off', 'a claim leaves synchronous_commit alone');
select results_eq('select * from pg_temp.record()', 'values (1, 0)');
select is(current_setting('synchronous_commit'), 'on', 'a record turns it on for its transaction');

select * from finish();
rollback;
