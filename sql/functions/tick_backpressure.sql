-- tick_backpressure: closes categories of which more deliveries wait than max_queued, opens them again.
-- Other deliveries in the queue make it slow, so a session spends at most a twentieth of its time on it.
-- Returns: false (nothing is left for a call right away) · Writes: category · Called by: tick
create function herald.tick_backpressure() returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set max_parallel_workers_per_gather = 0
set jit = off
as $$
declare
    v_begin constant timestamptz := clock_timestamp();
    v_turned text[];
begin
    if not exists (select from herald.category c where c.max_queued is not null)
       or extract(epoch from v_begin)
          < nullif(current_setting('herald.backpressure_at', true), '')::numeric
       or not pg_try_advisory_xact_lock(1214606916, -6) then
        return false;
    end if;

    select array_agg(c.name) into v_turned
      from herald.category c
     cross join lateral (
           select count(*) > c.max_queued as is_full
             from (select from herald.outbox o where o.category = c.name and o.epoch is null
                    union all
                   select from herald.retry r where r.category = c.name and r.state = 'retry'
                    limit c.max_queued + 1) as w) as q
     where c.max_queued is not null and c.is_full <> q.is_full;

    -- An update makes every backend read categories again, so only when there is a change.
    if v_turned is not null then
        update herald.category c set is_full = not c.is_full where c.name = any (v_turned);
    end if;
    perform set_config('herald.backpressure_at',
                       extract(epoch from clock_timestamp() + 19 * (clock_timestamp() - v_begin))::text,
                       false);
    return false;
end
$$;
comment on function herald.tick_backpressure() is
    'Closes categories of which more deliveries wait than max_queued, opens them again';
