-- The hot path: what must not be on it, so that senders and dispatchers do not wait for each other.
begin;
select * from no_plan();

create function pg_temp.is_hot(regclass) returns boolean language sql as $$
    select $1::text ~ '^herald\.(outbox|retry|notification|delivery|attempt|idempotency)(_|$)'
$$;
select cmp_ok(count(*), '>=', 22::bigint, 'there are tables to look at') from pg_class c where pg_temp.is_hot(c.oid::regclass) and c.relkind in ('r', 'p');
select is_empty($$select conname from pg_constraint where contype = 'f' and (pg_temp.is_hot(conrelid) or pg_temp.is_hot(confrelid))$$, 'no foreign keys');
select is_empty($$select tgname from pg_trigger where pg_temp.is_hot(tgrelid) and tgtype & 1 = 1$$, 'no triggers for each row');
select is_empty($$select proname from pg_proc where pronamespace = 'herald'::regnamespace and prosrc ~* 'for\s+(key\s+)?share'$$, 'no shared row locks');

insert into herald.recipient (id, bucket, phone) select 'r' || i, herald.bucket('r' || i), '+1500555' || 1000 + i from generate_series(1, 10) i;
select herald.notify_category('c') \g /dev/null
select herald.notify_template('t', category => 'c') \g /dev/null
select herald.notify_template_part('t', 'sms', 'text', 'x') \g /dev/null
select herald.notify_template_publish('t') \g /dev/null
insert into herald.dispatcher (epoch, name, version) values (1, 'd', '1.0');
select ok(herald.dispatcher_join(1), 'a dispatcher');

-- Locks that this transaction holds at the end tell what was touched.
create temp table marks as select 'recipient' as what, id, xmax::text as locker from herald.recipient union all select 'category', name, xmax::text from herald.category;
create temp table before as select relation, mode from pg_locks where pid = pg_backend_pid() and relation is not null;
select herald.notify_send('t', 'r' || i) from generate_series(1, 10) i \g /dev/null
create temp table sent as select relation, mode from pg_locks where pid = pg_backend_pid() and relation is not null;
create temp table claimed as select * from herald.claim(1, 'sms', 100);
select is((select count(*) from claimed), 10::bigint, 'sent and claimed');
select is((select applied from (select array_agg(id) as ids, array_agg(leaf) as leaves from claimed) c cross join lateral
    herald.record(1, leaves, ids, '{1}', '{sent}', '{accepted}', '{p}', '{NULL}', '{200}', '{NULL}', '{NULL}', '{x}', '{1}', '{1}', '{0}',
                  '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', herald.unix_us(now()))), 10, 'recorded');
select is_empty($$select relation::regclass, mode from pg_locks where pid = pg_backend_pid() and relation = 'herald.outbox'::regclass
                  except select relation::regclass, mode from sent$$, 'claimed and recorded not through the parent of the outbox');
select is_empty($$select relation::regclass, mode from pg_locks where pid = pg_backend_pid() and mode = 'RowShareLock'
                     and relation::regclass::text !~ '^herald\.outbox_[0-9]+(_|$)'
                  except select relation::regclass, mode from before$$, 'rows are locked in leaves of the outbox only');
select is_empty($$select relation::regclass, mode from pg_locks where pid = pg_backend_pid() and relation is not null
                     and mode not in ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock') and relation::regclass::text ~ '^herald\.'
                  except select relation::regclass, mode from before$$, 'no lock that excludes others');
select results_eq($$select 'recipient', id, xmax::text from herald.recipient union all select 'category', name, xmax::text from herald.category order by 1, 2$$,
                  'select * from marks order by 1, 2', 'recipients and categories are only read');

select * from finish();
rollback;
