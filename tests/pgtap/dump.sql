-- dump: everything that can hold a user's rows is marked for pg_dump, nothing else is.
begin;
select * from no_plan();

select set_eq(
    $$select x::regclass::text from pg_extension e, unnest(e.extconfig) x where e.extname = 'pg_herald'$$,
    $$select c.oid::regclass::text
        from pg_class c join pg_depend d on d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype = 'e'
        join pg_extension e on e.oid = d.refobjid and e.extname = 'pg_herald'
       where c.relkind in ('r', 'S') and c.oid not in ('herald.delivery_edge'::regclass, 'herald.event_rule'::regclass, 'herald.outbox'::regclass)$$,
    'all tables and sequences of the extension are marked');
select is((select count(*) from only herald.outbox), 0::bigint, 'the parent of the outbox holds no rows');
select ok(bool_and(c = ''), 'whole tables') from pg_extension e, unnest(e.extcondition) c where e.extname = 'pg_herald';
select is((select count(*) from pg_index x join pg_class c on c.oid = x.indrelid
            where c.relkind = 'p' and c.relnamespace = 'herald'::regnamespace), 0::bigint, 'partitioned parents have no index');

select * from finish();
rollback;
