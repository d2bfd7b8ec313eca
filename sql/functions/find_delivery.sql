-- find_delivery: a delivery wherever it is.
-- Parameters: id
-- Returns: id, notification and channel, no row when unknown · Writes: nothing
-- Called by: notify_replay_preview, link_target
create function herald.find_delivery(id uuid)
returns table (id uuid, notification uuid, channel herald.channel)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select d.id, d.notification, d.channel from herald.outbox d
     where d.id = find_delivery.id and d.bucket = herald.id_bucket(find_delivery.id)
    union all
    select d.id, d.notification, d.channel from herald.retry d
     where d.id = find_delivery.id and d.bucket = herald.id_bucket(find_delivery.id)
    union all
    select d.id, d.notification, d.channel from herald.delivery d
     where d.id = find_delivery.id and d.bucket = herald.id_bucket(find_delivery.id)
$$;
comment on function herald.find_delivery(uuid) is 'A delivery in the outbox, in retry or finished';
