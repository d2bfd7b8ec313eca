-- provider_quota, dispatcher_share: limits that dispatchers share.
begin;
select no_plan();
select herald.dispatcher_start('one', '1.0') as one \gset
select herald.dispatcher_start('two', '1.0') as two \gset

select is(array[place, dispatchers], array[0, 2], 'the first of two') from herald.dispatcher_share(:one);
select is(array[place, dispatchers], array[1, 2], 'the second') from herald.dispatcher_share(:two);

select is(granted, 60::bigint, 'what is wanted') from herald.provider_quota(:one, 'a', 100, 60);
select is(granted, 40::bigint, 'what is left') from herald.provider_quota(:two, 'a', 100, 60);
select is(granted, 0::bigint, 'nothing is left') from herald.provider_quota(:one, 'a', 100, 1);
select is(granted, 1::bigint, 'each account has its own') from herald.provider_quota(:one, 'b', 1, 10);
select is(granted, -5::bigint, 'some come back') from herald.provider_quota(:two, 'a', 100, -5);
select is(granted, 5::bigint, 'and may be taken again') from herald.provider_quota(:one, 'a', 100, 10);
select is(granted, 0::bigint, 'a lower limit takes nothing away') from herald.provider_quota(:one, 'a', 50, 10);
select is(granted, -100::bigint, 'no more comes back than was taken') from herald.provider_quota(:one, 'a', 50, -1000);
select ok(day_ends_us between 0 and 86400000000, 'until the end of the day') from herald.provider_quota(:one, 'a', 50, 0);
select is(taken, 0::bigint, 'the table tells') from herald.provider_usage where provider = 'a';

update herald.provider_usage set day = day - 1, taken = 50 where provider = 'a';
select is(granted, 50::bigint, 'every day anew') from herald.provider_quota(:one, 'a', 50, 60);

update herald.dispatcher set gone_at = now() where epoch = :one;
select throws_ok(format('select herald.provider_quota(%s, %L, 100, 1)', :one, 'a'), '55000',
                 format('epoch %s is gone', :one));
select is(array[place, dispatchers], array[0, 1], 'one that is gone does not count') from herald.dispatcher_share(:two);
select * from finish();
rollback;
