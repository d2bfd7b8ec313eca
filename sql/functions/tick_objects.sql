-- tick_objects: removes objects that nobody has stored or used for object_retention_days, but none while
-- a delivery waits that was made before the object's time was up: it may refer to it.
-- Returns: whether there may be more · Writes: object, object_content · Called by: tick
create function herald.tick_objects() returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
set enable_seqscan = off
as $$
declare
    v_most constant integer := 100;
    v_keep constant interval :=
        make_interval(days => herald.setting_value('object_retention_days')::integer);
    v_removed integer := 0;
    v_old record;
begin
    if not pg_try_advisory_xact_lock(1214606916, -10) then
        return false;
    end if;
    for v_old in
        select o.id, ((o.used_at + v_keep) at time zone 'UTC')::date + 1 as day
          from herald.object o
         where o.used_at < clock_timestamp() - v_keep
         order by o.used_at
         limit v_most
    loop
        -- Those that follow were used later, so what waits now keeps them too.
        exit when herald.has_pending(v_old.day);
        perform herald.object_remove(v_old.id, clock_timestamp() - v_keep);
        v_removed := v_removed + 1;
    end loop;
    return v_removed = v_most;
end
$$;
comment on function herald.tick_objects() is
    'Removes objects that nobody has used for their retention time; true: there may be more';
