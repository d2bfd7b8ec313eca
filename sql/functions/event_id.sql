-- event_id: the id of an event. It begins like that of the delivery: same millisecond, same bucket.
-- Parameters: delivery; source; source_id - as in herald.event
-- Returns: the same id for the same event · Writes: nothing · Called by: event_read
create function herald.event_id(delivery uuid, source text, source_id text) returns uuid
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select overlay(delivery::text placing '8' || left(h.hash, 3) || '-' || substr(h.hash, 4, 12) from 20)::uuid
      from md5(delivery || ' ' || source || ' ' || source_id) as h (hash)
$$;
comment on function herald.event_id(uuid, text, text) is 'Id of an event, made from what it reports';
