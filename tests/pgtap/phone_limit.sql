-- notify_phone_limit, phone_admit: no more messages to phone numbers than limits allow.
begin;
select no_plan();

-- bad input
select throws_ok(format('select herald.notify_phone_limit(%L, %s)', name, args), state, message, concat_ws(' ', name, args))
  from (values ('A', '1', '22023', null), (null, '1', '22004', null),
               ('l', 'null', '22004', 'max must not be null'), ('l', '1, null', '22004', 'window must not be null'),
               ('l', '1, per_number => null', '22004', 'per_number must not be null'),
               ('l', '-1', '22023', 'max must lie between 0 and 1000000000'),
               ('l', '1, ''32 days''', '22023', 'window must lie between 1 second and 31 days'),
               ('l', '1, ''0 s''', '22023', 'window must lie between 1 second and 31 days'),
               ('l', '1, country => ''LVA''', '22023', 'country has no phone numbers of its own'),
               ('l', '1, country => ''LV'', prefix => ''+371''', '22023', 'country and prefix exclude each other'),
               ('l', '1, prefix => ''371''', '22023', 'prefix is not the beginning of an E.164 number'),
               ('l', '1, prefix => ''+3%''', '22023', 'prefix is not the beginning of an E.164 number')) x(name, args, state, message);
select is(count(*), 0::bigint, 'nothing is changed by it') from herald.phone_limit;

-- who is meant
create function pg_temp.admit(text, integer) returns bigint language sql volatile as $$
    select count(*) filter (where herald.phone_admit($1) is null) from generate_series(1, $2)
$$;
select herald.notify_phone_limit('us', 3, '1 day', country => 'us') \g /dev/null
select herald.notify_phone_limit('riga', 2, '1 day', prefix => '+37167') \g /dev/null
select herald.notify_phone_limit('each', 4, '1 day', per_number => true) \g /dev/null
select herald.notify_phone_limit('premium', 0, '1 day', prefix => '+882') \g /dev/null
select is(pg_temp.admit('+12125550100', 5), 3::bigint, 'a country');
select is(herald.phone_admit('+12125550101'), 'us', 'with all its numbers');
select is(pg_temp.admit('+14165550100', 2), 2::bigint, 'not its neighbour with the same calling code');
select is(pg_temp.admit('+37167000000', 1) + pg_temp.admit('+37167000001', 5), 2::bigint, 'a prefix');
select is(pg_temp.admit('+37120000000', 9), 4::bigint, 'each number');
select is(herald.phone_admit('+37120000000'), 'each', 'which is told');
select is(pg_temp.admit('+37120000001', 1), 1::bigint, 'for itself');
select is(herald.phone_admit('+88213000000'), 'premium', '0: none at all');
select is(pg_temp.admit('+12125550100', 1), 0::bigint, 'what is refused by one limit');
select is(max(count), 3, 'is not counted by another') from herald.phone_usage where phone_limit = 'us';

-- Half of the window before is still in sight.
select herald.notify_phone_limit('slow', 10, '10 days', prefix => '+371999') \g /dev/null
insert into herald.phone_usage select 'slow', '', date_bin('10 days', now(), '2000-01-01 00:00+00') - interval '10 days', 10;
select is(pg_temp.admit('+37199900000', 1) + pg_temp.admit('+37199900001', 4) + pg_temp.admit('+37199900002', 4) + pg_temp.admit('+37199900003', 4),
          floor(10 * extract(epoch from clock_timestamp() - date_bin('10 days', now(), '2000-01-01 00:00+00')) / 864000)::bigint,
          'a window slides');
select ok(herald.notify_phone_limit_remove('slow'), 'lifted');
select ok(not herald.notify_phone_limit_remove('slow'), 'once');
select is(count(*), 0::bigint, 'with its counts') from herald.phone_usage where phone_limit = 'slow';
select is(count(*), 0::bigint, 'numbers are not kept') from herald.phone_usage where octet_length(number) not in (0, 32);

-- claims
select herald.notify_phone_limit('estonia', 2, '1 day', country => 'EE') \g /dev/null
insert into herald.recipient (id, bucket, phone, email) select 'r' || i, herald.bucket('r' || i), '+3725000100' || i, i || '@example.org' from generate_series(1, 3) i;
select herald.notify_template('t') \g /dev/null
select herald.notify_template_part('t', channel, 'text', 'x') from unnest('{sms,voice}'::text[]) channel \g /dev/null
select herald.notify_template_publish('t') \g /dev/null
insert into herald.dispatcher (epoch, name, version) values (1, 'd', '1.0');
select ok(herald.dispatcher_join(1), 'a dispatcher');
select herald.notify_send('t', 'r' || i, channels => array[channel]) from generate_series(1, 3) i, unnest('{sms,voice}'::text[]) channel \g /dev/null
create temp table claimed as select channel, c.* from unnest('{sms,voice}'::text[]) channel cross join lateral herald.claim(1, channel, 100) c;
select is(count(*) filter (where verdict is null), 2::bigint, 'texts and calls are counted together') from claimed;
select is(count(*) filter (where verdict = 'suppressed: phone_limit estonia'), 4::bigint, 'and the others are not sent') from claimed;
select is(sum(herald.release(1, array[leaf], array[id], array[attempt])), 2::bigint, 'given back') from claimed where verdict is null;
select is(count(*) filter (where verdict is null), 2::bigint, 'and claimed again they are not counted again')
  from unnest('{sms,voice}'::text[]) channel cross join lateral herald.claim(1, channel, 100) c;
select * from finish();
rollback;
