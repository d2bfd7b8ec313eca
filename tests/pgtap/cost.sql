-- cost: what accounts charge, and the views delivery_cost and channel_savings.
begin;
select * from no_plan();
select herald.tick_partitions() \g /dev/null

-- what an account may cost
create function pg_temp.account(arguments text) returns text language sql as $$
    select 'select herald.notify_provider(''p'', ''twilio'', ''sms''' || $1 || ')'
$$;
select lives_ok(pg_temp.account(arguments), arguments)
  from (values (''), (', cost => 0, currency => ''EUR'''), (', cost => 0.000001, currency => ''EUR'''), (', cost => 100000, currency => ''USD''')) v(arguments);
select results_eq($$select cost, currency from herald.provider where name = 'p'$$, $$values (100000.000000, 'USD')$$, 'the last one is kept');
select throws_ok(pg_temp.account(arguments), '22023', message, arguments)
  from (values (', cost => 1', 'cost and currency belong together'), (', currency => ''EUR''', 'cost and currency belong together'),
               (', cost => -0.1, currency => ''EUR''', 'cost must lie between 0 and 100000, with at most six decimals'),
               (', cost => 100000.1, currency => ''EUR''', 'cost must lie between 0 and 100000, with at most six decimals'),
               (', cost => 0.0000001, currency => ''EUR''', 'cost must lie between 0 and 100000, with at most six decimals'),
               (', cost => ''NaN'', currency => ''EUR''', 'cost must lie between 0 and 100000, with at most six decimals'),
               (', cost => ''infinity'', currency => ''EUR''', 'cost must lie between 0 and 100000, with at most six decimals'),
               (', cost => 1, currency => ''eur''', 'currency is not a code of ISO 4217'), (', cost => 1, currency => ''''', 'currency is not a code of ISO 4217'),
               (', cost => 1, currency => ''EURO''', 'currency is not a code of ISO 4217')) v(arguments, message);
select lives_ok(pg_temp.account(''), 'a configuration without cost');
select is(cost is null and currency is null, true, 'forgets it') from herald.provider where name = 'p';

-- delivery_cost
select herald.notify_provider('dear', 'twilio', 'sms', cost => 0.075, currency => 'EUR') \g /dev/null
select herald.notify_provider('near', 'vonage', 'sms', cost => 0.05, currency => 'EUR') \g /dev/null
select herald.notify_provider('gone', 'twilio', 'sms', cost => 0.01, currency => 'EUR', enabled => false) \g /dev/null
select herald.notify_provider('free', 'fcm', 'push') \g /dev/null
create function pg_temp.put(day integer, account text, over text, many integer, class text default 'accepted') returns void language sql as $$
    with made as (
        select herald.id_floor(date_trunc('day', now(), 'UTC') - make_interval(days => day) + make_interval(secs => n)) as id
          from generate_series(1, many) n),
    d as (
        insert into herald.delivery (id, bucket, notification, recipient, channel, priority, category, template, state, attempts, created_at, finished_at)
        select id, ascii(account), id, 'r', over::herald.channel, 'normal', 'news', 't', 'sent', 2, now(), now() from made)
    insert into herald.attempt (id, bucket, attempt, epoch, class, provider, finished_at)
    select id, ascii(account), 1, 1, class::herald.outcome_class, account, now() from made
$$;
select pg_temp.put(0, 'dear', 'sms', 4) \g /dev/null
select pg_temp.put(1, 'near', 'sms', 2) \g /dev/null
select pg_temp.put(1, 'free', 'push', 5) \g /dev/null
select pg_temp.put(2, 'near', 'sms', 3, 'retry') \g /dev/null
select pg_temp.put(3, 'removed', 'sms', 1) \g /dev/null
insert into herald.attempt (id, bucket, attempt, epoch, class, provider, finished_at)
select id, bucket, 2, 1, 'accepted', 'near', now() from herald.delivery where channel = 'sms' and id >= herald.id_floor(date_trunc('day', now(), 'UTC')) limit 1;
create function pg_temp.today() returns date language sql as $$ select (now() at time zone 'UTC')::date $$;
select results_eq($$select pg_temp.today() - day, provider, channel::text, category, accepted, cost, currency from herald.delivery_cost order by day desc, provider$$,
    $$values (0, 'dear', 'sms', 'news', 4::bigint, 0.3, 'EUR'), (0, 'near', 'sms', 'news', 1, 0.05, 'EUR'), (1, 'free', 'push', 'news', 5, null::numeric, null::text),
             (1, 'near', 'sms', 'news', 2, 0.1, 'EUR'), (3, 'removed', 'sms', 'news', 1, null, null)$$,
    'what was accepted, each time that it was; unknown costs are null');
create function pg_temp.plan_of(query text) returns setof text language plpgsql as $$
begin
    return query execute 'explain (analyze, costs off, timing off, summary off) ' || query;
end $$;
select is((select string_agg(distinct substring(l from '_[a-z]+\d*'), ' ') from pg_temp.plan_of('select * from herald.delivery_cost where day = pg_temp.today() + 0') l
            where l ~ ' on (attempt|delivery)_' and l !~ 'never executed'),
          (select '_p' || to_char(pg_temp.today(), 'YYYYMMDD')), 'a condition on day reads the partitions of that day only');

-- channel_savings
insert into herald.fallback_stats (day, category, channel, next_channel, confirmed, escalated)
values ('2026-01-01', 'news', 'push', 'sms', 30, 10), ('2026-01-02', 'news', 'push', 'voice', 5, 0);
select results_eq('select day::text, category, channel::text, next_channel::text, notifications, confirmed, escalated, cost_avoided, currency from herald.channel_savings order by 1',
    $$values ('2026-01-01', 'news', 'push', 'sms', 40::bigint, 30::bigint, 10::bigint, 1.5, 'EUR'),
             ('2026-01-02', 'news', 'push', 'voice', 5, 5, 0, null, null)$$, 'at the cost of the cheapest account that is enabled');
select herald.tick_retention() \g /dev/null
select is((select count(*) from herald.fallback_stats), (select count(*) from herald.fallback_stats where day >= pg_temp.today() - 30), 'they are kept for retention_days');

-- rights
create role herald_test_reader;
grant herald_analyst to herald_test_reader;
set local role herald_test_reader;
select lives_ok(format('select * from herald.%I', v), 'an analyst reads ' || v) from unnest(array['delivery_cost', 'channel_savings', 'fallback']) v;
select lives_ok('select cost, currency from herald.provider', 'and costs');
reset role;

select * from finish();
rollback;
