-- backpressure: max_queued of a category, counted by a step of tick.
begin;
select * from no_plan();
select herald.notify_template('t') \g /dev/null
select herald.notify_template_part('t', 'sms', 'text', 'x') \g /dev/null
select herald.notify_template_publish('t') \g /dev/null
select herald.notify_recipient('ann', phone => '+15005550001') \g /dev/null
select herald.notify_category(name) from unnest(array['free', 'other']) name \g /dev/null
select herald.notify_category('few', max_queued => 3) \g /dev/null

-- Counts now, however long ago this session has counted.
create function pg_temp.counted() returns boolean language sql as $$
    select set_config('herald.backpressure_at', '', false);
    select herald.tick_step('backpressure');
    select is_full from herald.category where name = 'few'
$$;
create function pg_temp.put(many integer, category text) returns bigint language sql as $$
    select count(herald.notify_send('t', 'ann', category => category)) from generate_series(1, many)
$$;

select is(pg_temp.counted(), false, 'nothing waits');
select is(pg_temp.put(3, 'few') + pg_temp.put(10, 'free') + pg_temp.put(10, null), 23::bigint, 'some wait');
select is(pg_temp.counted(), false, 'as many as may wait; others do not count');
select is(pg_temp.put(5, 'few'), 5::bigint, 'until it is counted, more are taken');
select herald.notify_send('t', 'ann', category => 'few', idempotency_key => 'k') as known \gset
select is(pg_temp.counted(), true, 'more wait');
select throws_ok($$select herald.notify_send('t', 'ann', category => 'few')$$, '53400', 'category "few" is full: more than 3 deliveries wait', 'one');
select throws_ok($$select * from herald.notify_send_many('t', '{ann}', category => 'few')$$, '53400', 'category "few" is full: more than 3 deliveries wait', 'many');
select throws_ok($$select herald.notify_send('t', 'ann', category => 'few', send_at => now() + '1 h')$$, '53400', null, 'scheduled');
select lives_ok($$select herald.notify_send('t', 'ann', category => 'other')$$, 'another category is open');
select lives_ok($$select herald.notify_send('t', 'ann')$$, 'none is, too');
select is(herald.notify_send('t', 'ann', category => 'few', idempotency_key => 'k'), :'known'::uuid, 'a known key still has its id');
select results_eq($$select ok, detail from herald.health() where name = 'backpressure'$$, $$values (false, 'closed by max_queued: few')$$, 'health tells');

-- what counts
select ctid as version from herald.category where name = 'few' \gset
select is(pg_temp.counted(), true, 'counted again');
select is(ctid, :'version'::tid, 'without a change nothing is written') from herald.category where name = 'few';
update herald.outbox set epoch = 1 where category = 'few';
select is(pg_temp.counted(), false, 'what is claimed does not wait');
select lives_ok($$select herald.notify_send('t', 'ann', category => 'few')$$, 'open again');
with gone as (delete from herald.outbox where category = 'few' returning *)
insert into herald.retry (id, bucket, notification, recipient, channel, priority, category, template, lane, state, due_at, created_at)
select id, bucket, notification, recipient, channel, priority, category, template, lane, 'scheduled', now() + interval '1 h', created_at from gone;
select is(pg_temp.counted(), false, 'nor what is scheduled');
update herald.retry set state = 'retry';
select is(pg_temp.counted(), true, 'but what is to be tried again');
select results_eq($$select ok from herald.health() where name = 'backpressure'$$, array[false], 'and is closed again');

-- changing it
select herald.notify_category('few', max_queued => 1000) \g /dev/null
select is(pg_temp.counted(), false, 'a higher limit opens it');
select herald.notify_category('few', max_queued => 1) \g /dev/null
select is(pg_temp.counted(), true, 'a lower one closes it');
select herald.notify_category('few') \g /dev/null
select lives_ok($$select herald.notify_send('t', 'ann', category => 'few')$$, 'without a limit it is open at once');
select is(pg_temp.counted(), false, 'and stays it');
select throws_ok(format('select herald.notify_category(%L, max_queued => %s)', 'few', n), '22023', 'max_queued must lie between 1 and 1000000000', n::text)
  from unnest(array[0, -1, 1000000001, 2147483647]) n;
select lives_ok(format('select herald.notify_category(%L, max_queued => %s)', 'few', n)) from unnest(array[1, 1000000000]) n;

-- how often
select set_config('herald.backpressure_at', (extract(epoch from clock_timestamp()) + 3600)::text, false) \g /dev/null
select herald.notify_category('few', max_queued => 1) \g /dev/null
select herald.tick_step('backpressure') \g /dev/null
select is(is_full, false, 'not counted before its time') from herald.category where name = 'few';
select is(pg_temp.counted(), true, 'but then');

select * from finish();
