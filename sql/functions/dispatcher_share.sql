-- dispatcher_share: of how many dispatchers an epoch is one, for limits that they share.
-- Parameters: epoch
-- Returns: place - epochs before it, from 0; dispatchers - all that run, those whose loss was not noticed yet
--          included · Writes: nothing · Called by: dispatchers, with their heartbeat
create function herald.dispatcher_share(epoch bigint, out place integer, out dispatchers integer)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select (count(*) filter (where d.epoch < dispatcher_share.epoch))::integer, count(*)::integer
      from herald.dispatcher d
     where d.gone_at is null
$$;
comment on function herald.dispatcher_share(bigint) is 'Of how many dispatchers an epoch is one';
