-- tick_events: joins events that came early with their deliveries, at most 1000. What is not finished yet
-- is looked up again after as long as it has waited already; what never will be goes with its partition.
-- Returns: whether there may be more · Writes: early_event and as event_apply · Called by: tick
create function herald.tick_events() returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
    v_limit constant integer := 1000;
    v_now constant timestamptz := clock_timestamp();
    v_oldest constant uuid :=
        herald.id_floor(v_now - make_interval(days => herald.setting_value('retention_days')::integer));
    v_events uuid[];
    v_deliveries uuid[];
    v_addresses text[];
begin
    if not pg_try_advisory_xact_lock(1214606916, -8) then
        return false;
    end if;

    select array_agg(d.id), array_agg(d.delivery), array_agg(d.address)
      into v_events, v_deliveries, v_addresses
      from (select w.id, w.delivery, w.address from herald.early_event w
             where w.due_at <= v_now
             order by w.due_at
             limit v_limit) as d;
    if v_events is null then
        return false;
    end if;

    delete from herald.early_event w
     using (select a.id from herald.event_apply(v_events, v_deliveries, v_addresses) as a (id)
             union
            select g.id from unnest(v_events) as g (id) where g.id < v_oldest) as done
     where w.id = done.id and w.bucket = herald.id_bucket(done.id);
    update herald.early_event w
       set due_at = v_now + greatest(v_now - w.created_at, interval '1 second')
      from unnest(v_events) as g (id)
     where w.id = g.id and w.bucket = herald.id_bucket(g.id);
    return cardinality(v_events) = v_limit;
end
$$;
comment on function herald.tick_events() is
    'Joins events that came early with their deliveries; true: there may be more';
