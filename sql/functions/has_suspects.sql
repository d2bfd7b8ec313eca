-- has_suspects: whether a suspect waits to be claimed.
-- Returns: true or false · Writes: nothing · Called by: dispatchers, with their heartbeat
create function herald.has_suspects() returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
select exists (select from herald.outbox_12 o where o.epoch is null);
$$;
comment on function herald.has_suspects() is 'Whether a suspect waits to be claimed';
