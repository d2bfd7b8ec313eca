-- backlog: what waits, by channel, exact for small tables and near for large ones.
begin;
select * from no_plan();
create function pg_temp.put(channel text, leaf integer, many integer, claimed boolean default false, ago interval default '1 minute')
returns void language plpgsql as $$
begin
    execute format('insert into herald.outbox_%s (id, bucket, notification, recipient, channel, priority, template, lane, epoch, queued_at, created_at)'
                   ' select herald.new_id(1), 1, herald.new_id(1), $3, $1::herald.channel, (enum_range(null::herald.priority))[1 + i %% 4],'
                   ' $5, 15, case when $4 then 7 end, clock_timestamp() - $2, now() from generate_series(1, $6) i', leaf)
      using channel, ago, 'recipient', claimed, 'template', many;
end
$$;
select is(count(*) || ' ' || sum(waiting + claimed + due + later), '7 0', 'empty: a row for each channel') from herald.backlog();
select is(count(oldest_s), 0::bigint, 'nothing is old') from herald.backlog();
select pg_temp.put('sms', 0, 5), pg_temp.put('sms', 7, 6, ago => '1 hour'), pg_temp.put('sms', 3, 4, true, '1 day'), pg_temp.put('email', 12, 1) \g /dev/null
insert into herald.retry (id, bucket, notification, recipient, channel, priority, template, lane, state, due_at, created_at)
select herald.new_id(1), 1, herald.new_id(1), 'r', 'push', 'normal', 't', 0, 'retry', now() + d * interval '1 hour', now() from unnest('{-2,1,2,3}'::integer[]) d;
select results_eq('select channel, waiting, claimed, due, later, round(oldest_s / 60) from herald.backlog() where waiting + claimed + due + later > 0',
    $$values ('push', 0::bigint, 0::bigint, 1::bigint, 3::bigint, 120::double precision), ('sms', 11, 4, 0, 0, 60), ('email', 1, 0, 0, 0, 1)$$,
    'small tables are counted');
select pg_temp.put('sms', 1, 40000), pg_temp.put('email', 1, 10000, true) \g /dev/null
select cmp_ok(pg_relation_size('herald.outbox_1') / 8192, '>', 400::bigint, 'a table of many pages');
select ok(waiting between 30000 and 50000, 'is estimated: ' || waiting) from herald.backlog() where channel = 'sms';
select ok(claimed between 5000 and 15000, 'by channel and state: ' || claimed) from herald.backlog() where channel = 'email';
select is(round(oldest_s / 60), 60::double precision, 'its age is exact') from herald.backlog() where channel = 'sms';
select * from finish();
rollback;
