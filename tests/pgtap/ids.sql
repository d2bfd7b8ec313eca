-- ids: buckets and UUIDv7 ids. The vectors are frozen: stored rows and ids depend on them.
begin;
select * from no_plan();

select is(herald.bucket(v.recipient), v.bucket, format('bucket of %L', left(v.recipient, 40)))
  from (values ('', 2342), ('u1', 689), ('한글', 3203), ('user-42', 3725), (repeat('a', 255), 1802),
               ('00000000-0000-0000-0000-000000000000', 2820), ('Ünïcødé', 222), (E'\t ', 4036))
       as v (recipient, bucket);
select is(herald.bucket(null), null, 'null has no bucket');
select ok(min(n) > 50 and max(n) < 160 and count(*) = 4096, 'buckets are about equally full')
  from (select count(*) as n from generate_series(1, 409600) i group by herald.bucket('user' || i)) b;
select ok(provolatile = 'i' and proisstrict and proparallel = 's', 'bucket is immutable, strict and parallel safe')
  from pg_proc where oid = 'herald.bucket(text)'::regprocedure;
select is(herald.lane(v.sender), v.lane::smallint, format('lane of %L', v.sender))
  from (values ('', 6), ('u1', 1), ('한글', 3), ('user-42', 13), (E'\t ', 4)) as v (sender, lane);

create temp table made as
    select i, herald.new_id(i % 4096) as id from generate_series(1, 100000) i;
select is((select count(*) from made where id::text !~ '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'),
          0::bigint, 'ids have version 7 and variant 10');
select is((select count(*) from made where herald.id_bucket(id) <> i % 4096), 0::bigint, 'ids hold their bucket');
select is((select count(distinct id) from made), 100000::bigint, 'ids are unique');
select is((select count(*) from (select id, lag(id) over (partition by i % 4096 order by i) as earlier from made) m
            where earlier >= id), 0::bigint, 'ids of a bucket rise');
select is((select count(*) from (select id, lag(id) over (order by i) as earlier from made where i % 4096 = 7) m
            where earlier >= id), 0::bigint, 'ids of one bucket rise over the others');
select ok(herald.id_time(herald.new_id(1)) between clock_timestamp() - interval '1 second'
                                               and clock_timestamp() + interval '1 second', 'ids hold their time');
select ok(count(distinct substr(id::text, 20)) = count(*), 'tails differ') from made;

select is(herald.id_time('01936e4e-1400-7abc-8000-000000000001'), '2024-11-27 15:47:10.976+00'::timestamptz, 'time of a known id');
select is(herald.id_bucket('01936e4e-1400-7abc-8000-000000000001'), 2748, 'bucket of a known id');
select is(herald.id_floor('2024-11-27 15:47:10.976+00'), '01936e4e-1400-7000-8000-000000000000'::uuid, 'floor of a known time');
select is(herald.id_floor('2024-11-27 15:47:10.976999+00'), '01936e4e-1400-7000-8000-000000000000'::uuid, 'floor of a part of a millisecond');
select is(herald.id_floor('1970-01-01 00:00:00+00'), '00000000-0000-7000-8000-000000000000'::uuid, 'floor of 1970');
select ok(herald.id_floor(herald.id_time(id)) <= id, 'the floor is not above an id of its time') from made limit 5;
select is(herald.id_time('5f9c24e0-1b1a-4a7e-9d0a-000000000000'), null, 'another version has no time');
select is(herald.id_bucket('5f9c24e0-1b1a-4a7e-9d0a-000000000000'), null, 'another version has no bucket');
select is(herald.id_bucket('01936e4e-1400-7abc-c000-000000000001'), null, 'another variant has no bucket');
select throws_ok(format('select herald.new_id(%s)', n), '22023', 'bucket must be between 0 and 4095')
  from unnest(array[-1, 4096, 2147483647]) n;
select throws_ok(format('select herald.id_floor(%L)', t), '22008', 'ids have no time before 1970 or after 10889')
  from unnest(array['infinity', '-infinity', '1969-12-31 23:59:59+00', '10890-01-01', '294276-12-31']) t;

select is(herald.unix_us('1970-01-01 00:00:01.5+00'), 1500000::bigint, 'microseconds since 1970');
select is(herald.unix_us('infinity'), 9223372036854775807, 'infinity becomes the greatest number');
select is(herald.unix_us('-infinity'), -9223372036854775808, 'and minus infinity the least');
select is(herald.from_unix_us(herald.unix_us(t)), t, 'and back') from (select clock_timestamp() as t) c;
select throws_ok(format('select herald.from_unix_us(%L)', n), '22008', 'microseconds since 1970 are out of range')
  from unnest(array[-9223372036854775808, -300000000000000000]) n;
select is(herald.utc_offset(z, t::timestamptz), o, z || ' at ' || t)
  from (values ('Asia/Seoul', '2026-11-21 00:00+00', 32400), ('Europe/Berlin', '2026-07-01 00:00+00', 7200),
               ('Europe/Berlin', '2026-12-01 00:00+00', 3600), ('UTC', '2026-12-01 00:00+00', 0),
               ('Mars/Olympus', '2026-12-01 00:00+00', 0), ('', '2026-12-01 00:00+00', 0),
               (repeat('x', 1000), '2026-12-01 00:00+00', 0), ('Asia/Seoul', 'infinity', 0)) v (z, t, o);

select * from finish();
rollback;
