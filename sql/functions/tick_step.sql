-- tick_step: one step of maintenance. A failure is a warning, so that the other steps go on; a table
-- that is in use is none.
-- Parameters: step - name of a function tick_…; leaf - for rotate
-- Returns: whether the step wants to be called again at once · Writes: as the step
-- Called by: tick
create function herald.tick_step(step text, leaf integer default null) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception using errcode = '25001',
            message = 'a step of maintenance must run in a transaction that is read committed';
    end if;
    return case step
           when 'promote' then herald.tick_promote()
           when 'fallback' then herald.tick_fallback()
           when 'expire' then herald.tick_expire()
           when 'reclaim' then herald.tick_reclaim()
           when 'backpressure' then herald.tick_backpressure()
           when 'events' then herald.tick_events()
           when 'partitions' then herald.tick_partitions()
           when 'retention' then herald.tick_retention()
           when 'objects' then herald.tick_objects()
           when 'rotate' then herald.tick_rotate(leaf)
           end;
exception
    when lock_not_available then
        return false;
    when others then
        raise warning 'herald.tick(): % failed: %', step, sqlerrm using errcode = sqlstate;
        return false;
end
$$;
comment on function herald.tick_step(text, integer) is 'One step of maintenance';
