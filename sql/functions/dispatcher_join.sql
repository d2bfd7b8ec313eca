-- dispatcher_join: one more session of a dispatcher, or the first one after a reconnect.
-- Parameters: epoch - of this dispatcher
-- Returns: false when the epoch is gone: its claims belong to others, a new one must be started
-- Writes: nothing · Called by: dispatchers, on every session but the one that started the epoch
create function herald.dispatcher_join(epoch bigint) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_lock_shared(1214606916, epoch::integer);

    -- A statement of its own: its snapshot is later than the lock, as it must be.
    if herald.dispatcher_alive(epoch) then
        return true;
    end if;
    perform pg_advisory_unlock_shared(1214606916, epoch::integer);
    return false;
end
$$;
comment on function herald.dispatcher_join(bigint) is
    'Joins the epoch of a dispatcher with this session; false: the epoch is gone';
