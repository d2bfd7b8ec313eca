-- views: delivery_status, delivery_stats, queue_depth, dead_letter; notify_cancel and notify_redrive.
begin;
select * from no_plan();

-- send(recipient): a notification with one delivery, nowhere yet.
create temp table sent (notification uuid, id uuid, bucket integer, recipient text);
create function pg_temp.send(who text) returns uuid language plpgsql as $$
declare
    b integer := herald.bucket(who);
    n uuid := herald.new_id(b);
    d uuid := herald.new_id(b);
begin
    insert into herald.notification (id, bucket, recipient, template, version, priority, data, locale, sender, created_at, deliveries)
    values (n, b, who, 't', 1, 'normal', '{}', '', 'me', now(), array[d]);
    insert into sent values (n, d, b, who);
    return d;
end
$$;
select pg_temp.send('r' || i) from generate_series(1, 12) i \g /dev/null
insert into herald.outbox_3 (id, bucket, notification, recipient, channel, priority, template, lane, epoch, queued_at, created_at, expires_at)
select id, bucket, notification, recipient, 'sms', 'high', 't', 0, case recipient when 'r2' then 7 end, now() - interval '1 minute', now(), null
  from sent where recipient in ('r1', 'r2');
insert into herald.retry (id, bucket, notification, recipient, channel, priority, template, lane, attempt, state, reason, due_at, created_at)
select s.id, s.bucket, s.notification, s.recipient, 'sms', 'high', 't', 0, 4, v.state::herald.delivery_state, 'why', now() + v.due, now()
  from sent s join (values ('r3', 'retry', interval '-1 hour'), ('r4', 'retry', interval '1 hour'), ('r5', 'scheduled', interval '1 day'),
                           ('r6', 'held', interval '1 day')) v (recipient, state, due) using (recipient);
insert into herald.delivery (id, bucket, notification, recipient, channel, priority, template, state, reason, code, provider, provider_id, attempts,
                             receipt, created_at, finished_at)
select s.id, s.bucket, s.notification, s.recipient, 'sms', 'high', 't', v.state::herald.delivery_state, 'said', 'C', 'acme', 'p', 2, 'carrier',
       '2026-01-01 00:00:00+00', '2026-01-01 00:00:30+00'::timestamptz + v.took
  from sent s join (values ('r7', 'sent', interval '1 second'), ('r8', 'sent', interval '3 second'), ('r9', 'failed', interval '0'),
                           ('r10', 'dead', interval '0'), ('r11', 'cancelled', interval '0'), ('r12', 'unknown', interval '40 seconds')) v (recipient, state, took)
       using (recipient);
insert into herald.attempt (id, bucket, attempt, epoch, class, status, code, reason, finished_at)
select id, bucket, n, 1, 'retry', 500 + n, 'E' || n, 'error ' || n, now() from sent, generate_series(1, 2) n where recipient = 'r10';

select results_eq($$select recipient, state::text, attempts, reason, code, provider, receipt::text, due_at is null, finished_at is null
                      from herald.delivery_status order by substr(recipient, 2)::integer$$,
    $$values ('r1', 'queued', 0, null, null, null, 'none', true, true), ('r2', 'claimed', 0, null, null, null, 'none', true, true),
             ('r3', 'retry', 4, 'why', null, null, 'none', false, true), ('r4', 'retry', 4, 'why', null, null, 'none', false, true),
             ('r5', 'scheduled', 4, 'why', null, null, 'none', false, true), ('r6', 'held', 4, 'why', null, null, 'none', false, true),
             ('r7', 'sent', 2, 'said', 'C', 'acme', 'carrier', true, false), ('r8', 'sent', 2, 'said', 'C', 'acme', 'carrier', true, false),
             ('r9', 'failed', 2, 'said', 'C', 'acme', 'carrier', true, false), ('r10', 'dead', 2, 'said', 'C', 'acme', 'carrier', true, false),
             ('r11', 'cancelled', 2, 'said', 'C', 'acme', 'carrier', true, false), ('r12', 'unknown', 2, 'said', 'C', 'acme', 'carrier', true, false)$$,
    'delivery_status has every delivery once');
select results_eq('select minute, channel::text, provider, template, sent, failed, withheld, attempts from herald.delivery_stats order by minute',
    $$values ('2026-01-01 00:00:00+00'::timestamptz, 'sms', 'acme', 't', 2::bigint, 2::bigint, 1::bigint, 10::bigint),
             ('2026-01-01 00:01:00+00', 'sms', 'acme', 't', 0, 1, 0, 2)$$, 'delivery_stats counts by minute');
select results_eq('select latency_p50_ms, latency_p95_ms, latency_p99_ms, latency_max_ms from herald.delivery_stats where sent > 0',
                  'values (31000.000, 33000.000, 33000.000, 33000.000)', 'and tells how long it took');
update herald.notification n set send_at = '2026-01-01 00:00:30+00' from sent s where s.notification = n.id and s.recipient in ('r7', 'r8');
select results_eq('select latency_p50_ms from herald.delivery_stats where sent > 0', 'values (1000.000)', 'from the time asked for');
select results_eq('select channel::text, priority::text, waiting, claimed, due, retry, scheduled, oldest >= interval $$1 hour$$ from herald.queue_depth',
                  $$values ('sms', 'high', 1::bigint, 1::bigint, 1::bigint, 1::bigint, 2::bigint, true)$$, 'queue_depth');
select results_eq('select recipient, template, version, state::text, attempts, last_class::text, last_status, last_code, last_reason from herald.dead_letter order by recipient',
                  $$values ('r10', 't', 1, 'dead', 2, 'retry', 502, 'E2', 'error 2'), ('r9', 't', 1, 'failed', 2, null, null, null, null)$$,
                  'dead_letter has the last error and the template''s version');

-- a delivery is looked up by key in every table
create function pg_temp.plan_of(query text) returns setof text language plpgsql as $$
begin
    return query execute 'explain (costs off) ' || query;
end $$;
set local enable_seqscan = off;
select is((select count(*) from pg_temp.plan_of(format('select * from herald.delivery_status where id = %L', id)) l where l ~ 'Index Cond: \(id ='),
          15::bigint, 'delivery_status reaches the keys of every table below it') from sent where recipient = 'r1';
reset enable_seqscan;

-- rights
create role herald_test_reader;
grant herald_analyst to herald_test_reader;
set local role herald_test_reader;
select lives_ok(format('select * from herald.%I', v), 'an analyst reads ' || v)
  from unnest(array['delivery_status', 'delivery_stats', 'queue_depth', 'dead_letter']) v;
select throws_ok('select herald.notify_redrive(herald.new_id(1))', '42501');
select throws_ok($$select * from herald.claim(1, 'sms', 1)$$, '42501');
reset role;
select ok(reloptions @> array['security_barrier=true'], relname || ' is a barrier')
  from pg_class where relkind = 'v' and relnamespace = 'herald'::regnamespace;

-- cancel
select is(herald.notify_cancel(notification), 1, 'cancels ' || recipient) from sent where recipient in ('r1', 'r3', 'r4', 'r5', 'r6');
select is(herald.notify_cancel(notification), 0, 'not what is claimed or finished: ' || recipient) from sent where recipient in ('r1', 'r2', 'r7', 'r10');
select is(herald.notify_cancel(herald.new_id(1)), 0, 'nor what never was');
select is(herald.notify_cancel(null), 0, 'nor nothing');
select results_eq('select recipient, state::text, attempts, created_at = now(), finished_at >= now() from herald.delivery where recipient in ($$r1$$, $$r3$$) order by 1',
                  $$values ('r1', 'cancelled', 0, true, true), ('r3', 'cancelled', 4, true, true)$$, 'cancelled ones are finished');
select set_eq('select recipient from herald.outbox union all select recipient from herald.retry', array['r2'], 'and wait no more');

-- redrive
select is(herald.notify_redrive(notification), 1, 'puts back ' || recipient) from sent where recipient in ('r9', 'r10');
select is(herald.notify_redrive(notification), 0, 'not ' || recipient) from sent where recipient in ('r1', 'r2', 'r7', 'r9', 'r12');
select is(herald.notify_redrive(herald.new_id(1)), 0, 'nor what never was');
select results_eq('select recipient, lane = herald.lane($$me$$), attempt, failures, epoch, created_at > $$2026-01-02$$, queued_at > $$2026-01-02$$ from herald.outbox where recipient <> $$r2$$ order by 1',
                  $$values ('r10', true, 2, 0, null::bigint, true, true), ('r9', true, 2, 0, null, true, true)$$, 'they wait again in their lane, attempts go on');
select is_empty('select * from herald.dead_letter', 'and are no dead letters');

select * from finish();
rollback;
