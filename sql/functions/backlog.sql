-- backlog: what waits, by channel. Counts of large tables are estimates from a sample of their pages,
-- so that this costs the same however much waits; oldest is exact.
-- Returns: a row for each channel: waiting and claimed in the outbox, due and later in retry, and the
-- age in seconds of the oldest delivery that could be claimed (null: there is none)
-- Writes: nothing · Called by: dispatchers, for metrics and --once; people
create function herald.backlog()
returns table (channel text, waiting bigint, claimed bigint, due bigint, later bigint,
               oldest_s double precision)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '100ms'
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    v_pages constant integer := 200;
    v_now constant timestamptz := clock_timestamp();
    v_sql text;
begin
    select string_agg(format(case when t.leaf = 'herald.retry'::regclass then $sql$
            select r.channel, case when r.due_at <= $1 then 'due' else 'later' end,
                   count(*) * %2$s, min(r.due_at) filter (where r.due_at <= $1)
              from herald.retry r tablesample system (%3$s)
             group by 1, 2 $sql$
        else $sql$
            select o.channel, case when o.epoch is null then 'waiting' else 'claimed' end,
                   count(*) * %2$s, null::timestamptz
              from %1$s o tablesample system (%3$s)
             group by 1, 2
             union all
            select c.channel, 'oldest', 0, w.queued_at
              from unnest(enum_range(null::herald.channel)) as c (channel)
             cross join unnest(enum_range(null::herald.priority)) as p (priority)
             cross join generate_series(0, 15) as l (lane)
             cross join lateral (
                   select o.queued_at from %1$s o
                    where o.epoch is null and o.channel = c.channel and o.priority = p.priority
                      and o.lane = l.lane
                    order by o.queued_at limit 1) as w $sql$ end,
               t.leaf, greatest(t.pages / v_pages::numeric, 1),
               least(100 * v_pages / t.pages::numeric, 100)), ' union all ')
      into v_sql
      from (select c.leaf, pg_relation_size(c.leaf) / current_setting('block_size')::bigint
              from (select i.inhrelid::regclass from pg_inherits i
                     where i.inhparent = 'herald.outbox'::regclass
                     union all
                    select 'herald.retry'::regclass) as c (leaf)) as t (leaf, pages)
     where t.pages > 0;

    return query execute format($sql$
        select c.channel::text, coalesce(sum(q.n) filter (where q.kind = 'waiting'), 0)::bigint,
               coalesce(sum(q.n) filter (where q.kind = 'claimed'), 0)::bigint,
               coalesce(sum(q.n) filter (where q.kind = 'due'), 0)::bigint,
               coalesce(sum(q.n) filter (where q.kind = 'later'), 0)::bigint,
               extract(epoch from $1 - min(q.since))::double precision
          from unnest(enum_range(null::herald.channel)) as c (channel)
          left join (%s) as q (channel, kind, n, since) on q.channel = c.channel
         group by c.channel
         order by c.channel
        $sql$, coalesce(v_sql, 'select null::herald.channel, null, 0, null::timestamptz'))
      using v_now;
end
$$;
comment on function herald.backlog() is
    'What waits, by channel, counted at a cost that does not grow with it';
