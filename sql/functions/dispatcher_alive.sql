-- dispatcher_alive: whether the claims of an epoch are still its own.
-- Parameters: epoch
-- Returns: false when it was never started or its claims were taken back · Writes: nothing
-- Called by: dispatcher_join, dispatchers
create function herald.dispatcher_alive(epoch bigint) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (select from herald.dispatcher d
                    where d.epoch = dispatcher_alive.epoch and d.gone_at is null);
end
$$;
comment on function herald.dispatcher_alive(bigint) is 'Whether an epoch still owns its claims';
