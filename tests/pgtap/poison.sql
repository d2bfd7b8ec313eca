-- poison: a delivery that brings its dispatchers down is set aside, its neighbours are not.
begin;
select * from no_plan();
select herald.notify_recipient('r' || i, phone => '+1500555' || 1000 + i) from generate_series(1, 5) i \g /dev/null
create function pg_temp.send(names text[]) returns void language sql as $$
    insert into herald.outbox_0 (id, bucket, notification, recipient, channel, priority, template, lane, queued_at, created_at)
    select herald.new_id(herald.bucket(n)), herald.bucket(n), herald.new_id(1), n, 'sms', 'normal', 't', p, now() + p * interval '1 ms', now()
      from unnest(names) with ordinality u (n, p) $$;
create function pg_temp.where_is(name text) returns text language sql as $$
    select coalesce((select o.tableoid::regclass::text from herald.outbox o where o.recipient = name),
                    (select d.state || ': ' || d.reason from herald.delivery d where d.recipient = name)) $$;
-- A run that ends without a word: claims, begins a suspect if it gets one, is lost. Returns whom it had.
create function pg_temp.die(begins boolean default true, suspects integer default 1) returns text language plpgsql as $$
declare
    v_epoch bigint := herald.dispatcher_start('d', '1.0');
    v_had text[] := (select array_agg(c.recipient order by c.recipient) from herald.claim(v_epoch, 'sms', 100) c);
    v_suspect record;
begin
    for i in 1..suspects loop
        for v_suspect in select * from herald.claim_suspect(v_epoch, 'sms') loop
            v_had := v_had || v_suspect.recipient;
            if begins then
                perform herald.suspect_begin(v_epoch, v_suspect.id, v_suspect.attempt);
            end if;
        end loop;
    end loop;
    perform herald.reclaim_epoch(v_epoch);
    perform pg_advisory_unlock_shared(1214606916, v_epoch::integer);
    return array_to_string(v_had, ' ');
end
$$;

-- one poison, one neighbour
select pg_temp.send('{r1,r2}') \g /dev/null
select is(pg_temp.die(), 'r1 r2', 'claimed together');
select is(pg_temp.where_is('r1') || ' ' || pg_temp.where_is('r2'), 'herald.outbox_0 herald.outbox_0', 'lost once: queued again');
select ok(not herald.has_suspects(), 'nobody is under suspicion');
select is(pg_temp.die(), 'r1 r2', 'and claimed as before');
select is(pg_temp.where_is('r1') || ' ' || pg_temp.where_is('r2'), 'herald.outbox_12 herald.outbox_12', 'lost twice: set apart');
select is(array_agg(lane order by recipient), '{1,2}', 'in their lanes') from herald.outbox_12;
select ok(herald.has_suspects(), 'known to dispatchers');
select is(pg_temp.die(), 'r1', 'then only one is claimed');
select is(pg_temp.where_is('r1'), 'dead: dispatcher_died: 3 times', 'lost while it was begun on its own: dead');
select is(attempts || ' ' || last_class, '3 lease_lost', 'with its history') from herald.dead_letter where recipient = 'r1';
select is(array_agg(poison = (select id from herald.delivery where recipient = 'r1')), '{t,t,t}', 'the ends of these runs are explained')
  from herald.dispatcher;
select is(pg_temp.where_is('r2'), 'herald.outbox_12', 'its neighbour waits');

-- the second one is delivered, on its own
select herald.dispatcher_start('living', '1.0') as epoch \gset
select is(count(*), 0::bigint, 'no claim of the others takes a suspect') from herald.claim(:epoch, 'sms', 100);
select leaf, id, attempt from herald.claim_suspect(:epoch, 'sms') \gset
select is(:leaf, 12, 'from its leaf');
select is(count(*), 0::bigint, 'of the other channels there is none') from herald.claim_suspect(:epoch, 'email');
select ok(herald.suspect_begin(:epoch, :'id', :attempt), 'it may be begun');
select ok(not herald.suspect_begin(:epoch, :'id', :attempt - 1), 'but not by an older claim');
select is(r.*, row(1, 0)::record, 'and is recorded as any other')
  from herald.record(:epoch, array[:leaf], array[:'id'::uuid], array[:attempt], array['sent'], array['accepted'], array['acme'], array[null],
        array[200], array[null], array[null], array['ref'], array[0], array[0], array[0], array[null::bigint], array[null::uuid], array[null],
        array[null::bigint], array[null], array[null::jsonb], herald.unix_us(now())) as r(applied, stale);
select is(state, 'sent', 'delivered') from herald.delivery where id = :'id';
select pg_advisory_unlock_all() \g /dev/null

-- claimed, but never begun: no reason to set it aside
select pg_temp.send('{r3}') \g /dev/null
select is(string_agg(pg_temp.die(begins => false), ' '), repeat('r3 ', 19) || 'r3', 'lost twenty times before it was begun')
  from generate_series(1, 20);
select is(pg_temp.where_is('r3'), 'herald.outbox_12', 'it still waits');
select is(failures, 0, 'without a failure') from herald.outbox where recipient = 'r3';
delete from herald.outbox;

-- two at work: nobody knows which of them it was
update herald.dispatcher set lost = 0;
select pg_temp.send('{r4,r5}') \g /dev/null
select pg_temp.die(), pg_temp.die() \g /dev/null
select is(pg_temp.die(suspects => 2), 'r4 r5', 'two suspects of one run');
select is(pg_temp.where_is('r4') || ' ' || pg_temp.where_is('r5'), 'herald.outbox_12 herald.outbox_12', 'are both tried again');

-- dispatchers die without it as well: then it takes more
update herald.outbox set queued_at = queued_at + interval '1 ms' where recipient = 'r5';
insert into herald.dispatcher (epoch, name, version, gone_at, lost) values (1000000, 'other', '1.0', clock_timestamp(), 5);
select is(pg_temp.die(), 'r4', 'on its own');
select is(pg_temp.where_is('r4'), 'herald.outbox_12', 'others were lost without it: tried again');
select is(pg_temp.die(), 'r5', 'after the others');
delete from herald.outbox where recipient = 'r5';
select pg_temp.die() from generate_series(1, 7) \g /dev/null
select is(pg_temp.where_is('r4'), 'herald.outbox_12', 'for a while');
select pg_temp.die() \g /dev/null
select is(pg_temp.where_is('r4'), 'dead: dispatcher_died: 12 times', 'but not for ever');
update herald.dispatcher set gone_at = gone_at - interval '11 minutes';
select pg_temp.send('{r5}') \g /dev/null
select pg_temp.die(), pg_temp.die() \g /dev/null
select is(pg_temp.die(), 'r5', 'it is tried');
select is(pg_temp.where_is('r5'), 'dead: dispatcher_died: 3 times', 'what is long ago does not count');

select * from finish();
rollback;
