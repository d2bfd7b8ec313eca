-- expire_leaf: ends waiting deliveries of one leaf.
-- Parameters: leaf; at - now; most - at most so many of each kind; youngest - only what was queued
-- before can be too old, null: age is not looked at
-- Returns: nothing · Writes: outbox, delivery · Called by: tick_expire
create function herald.expire_leaf(leaf integer, at timestamptz, most integer, youngest timestamptz)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_end constant text := $sql$,
        taken as (
            delete from herald.outbox_%1$s o using late
             where o.id = late.id and o.bucket = late.bucket and o.epoch is null
            returning o.*)
        insert into herald.delivery (id, bucket, notification, recipient, channel, priority, device,
                                     category, template, state, reason, attempts, created_at,
                                     finished_at)
        select t.id, t.bucket, t.notification, t.recipient, t.channel, t.priority, t.device,
               t.category, t.template, $1, $2, t.attempt, t.created_at, $3
          from taken t
            on conflict do nothing
        $sql$;
begin
    execute format($sql$
        with late as materialized (
            select o.id, o.bucket from herald.outbox_%1$s o
             where o.epoch is null and o.expires_at <= $3
             limit $4 for update skip locked)
        $sql$ || v_end, leaf)
      using 'expired'::herald.delivery_state, 'expires_at', at, most;
    if youngest is null then
        return;
    end if;

    -- The claim index by channel, priority and lane finds what was queued long ago.
    execute format($sql$
        with old as materialized (
            select o.id, o.bucket
              from unnest(enum_range(null::herald.channel)) as c (channel)
             cross join unnest(enum_range(null::herald.priority)) as p (priority)
             cross join generate_series(0, 15) as l (lane)
             cross join lateral (
                   select w.* from herald.outbox_%1$s w
                    where w.epoch is null and w.channel = c.channel and w.priority = p.priority
                      and w.lane = l.lane and w.queued_at <= $5
                    order by w.queued_at) as o
              left join herald.category k on k.name = o.category
              left join herald.notification n on n.id = o.notification and n.bucket = o.bucket
             where greatest(o.created_at, n.send_at) <= $3 - coalesce(k.max_age, '24 hours')
             limit $4),
        late as materialized (
            select o.id, o.bucket
              from old
              join herald.outbox_%1$s o on o.id = old.id and o.bucket = old.bucket
             where o.epoch is null
               for update of o skip locked)
        $sql$ || v_end, leaf)
      using 'dead'::herald.delivery_state, 'max_age', at, most, youngest;
end
$$;
comment on function herald.expire_leaf(integer, timestamptz, integer, timestamptz) is
    'Ends waiting deliveries of one leaf that have expired or are too old';
