-- claimed: what a dispatcher holds. It asks after a lost session whether an answer was lost with it.
-- Parameters: epoch - of this dispatcher
-- Returns: one row a claim · Writes: nothing · Called by: dispatchers, after a reconnect
create function herald.claimed(epoch bigint)
returns table (leaf integer, id uuid, attempt integer)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select substring(c.relname from '[0-9]+$')::integer, o.id, o.attempt
      from herald.outbox o
      join pg_class c on c.oid = o.tableoid
     where o.epoch = claimed.epoch
$$;
comment on function herald.claimed(bigint) is 'What a dispatcher holds, after a lost session';
