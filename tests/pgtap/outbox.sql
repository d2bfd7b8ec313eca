-- outbox: the ring of leaves, and who may write where.
begin;
select * from no_plan();

select is((select count(*) from pg_inherits where inhparent = 'herald.outbox'::regclass), 13::bigint, 'there are 12 leaves and one for suspects');
select is((select count(*) from pg_trigger t join pg_inherits i on i.inhrelid = t.tgrelid
            where i.inhparent = 'herald.outbox'::regclass and t.tgfoid = 'herald.outbox_ring()'::regprocedure
              and (t.tgtype & 1) = 0 and (t.tgtype & 4) <> 0), 12::bigint, 'each of the ring has a statement trigger on insert');
select is((select count(*) from pg_index x join pg_inherits i on i.inhrelid = x.indrelid
            where i.inhparent = 'herald.outbox'::regclass and x.indisprimary), 13::bigint, 'each has a primary key');
select is(herald.outbox_leaf('2026-11-21 00:00:00+00'), 0, 'midnight is leaf 0');
select is(herald.outbox_leaf('2026-11-21 00:00:04.999999+00'), 0, 'for 5 seconds');
select is(herald.outbox_leaf('2026-11-21 00:00:05+00'), 1, 'then leaf 1');
select is(herald.outbox_leaf('2026-11-21 00:00:59+00'), 11, 'up to leaf 11');
select is(herald.outbox_leaf('2026-11-21 00:01:00+00'), 0, 'and again');
select ok(herald.outbox_leaf('1999-12-31 23:59:58+00') between 0 and 11, 'before 2000 too');
select is(herald.outbox_leaf('1999-12-31 23:59:59+00'), 11, 'before 2000 the leaf is not negative');
select throws_ok('select herald.outbox_ring()', '39P01');
select is(herald.doorbell_arm(), 'doorbell', 'preloaded, the doorbell can be armed');
select is(herald.doorbell_arm(), 'doorbell', 'and again');

-- A row anywhere counts once through the parent.
do $$
begin
    for leaf in 0..11 loop
        execute format('insert into herald.outbox_%s (id, bucket, notification, recipient, channel, priority,'
                       ' template, lane, queued_at, created_at) values (herald.new_id(1), 1, herald.new_id(1), %L, '
                       '''sms'', ''normal'', ''t'', 0, clock_timestamp(), now())', leaf, 'r' || leaf);
    end loop;
end
$$;
select is((select count(distinct tableoid) from herald.outbox), 12::bigint, 'every leaf holds a row');

select is(has_table_privilege(r, 'herald.outbox', p), false, format('%s has no %s on outbox', r, p))
  from unnest(array['herald_sender', 'herald_dispatcher', 'herald_gateway', 'herald_operator', 'herald_author', 'herald_analyst']) r
 cross join unnest(array['insert', 'update', 'delete', 'truncate']) p;

select * from finish();
rollback;
