-- notify_replay_preview: renders what a notification was, from its stored version, data, locale and time, in
-- the mode that the template has now.
-- Parameters: id - of the notification
-- Returns: one row a channel and part · Writes: nothing · Called by: operators
create function herald.notify_replay_preview(id uuid)
returns table (channel text, part text, content text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_notification herald.notification;
begin
    if id is null then
        raise exception using errcode = '22004', message = 'id must not be null';
    end if;
    select n.* into v_notification from herald.notification n
     where n.id = notify_replay_preview.id and n.bucket = herald.id_bucket(notify_replay_preview.id);
    if not found then
        raise exception using errcode = '22023',
            message = format('unknown notification %s', id),
            hint = 'It may never have been committed, or be older than the retention.';
    end if;
    return query
        select d.channel::text, r.part, r.content
          from (select distinct on (d.channel) d.channel, d.id
                  from unnest(v_notification.deliveries) n(id),
                       lateral herald.find_delivery(n.id) d
                 order by d.channel, d.id) d,
               lateral herald.replay(v_notification, d.channel::text, d.id, true) r
         order by d.channel, r.part;
end
$$;
comment on function herald.notify_replay_preview(uuid) is
    'Renders what a notification was, byte for byte, one row a channel and part';
