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
        select c.channel::text, r.part, r.content
          from (select d.channel from herald.outbox d
                 where d.id = any (v_notification.deliveries) and d.bucket = v_notification.bucket
                union
                select d.channel from herald.retry d
                 where d.id = any (v_notification.deliveries) and d.bucket = v_notification.bucket
                union
                select d.channel from herald.delivery d
                 where d.id = any (v_notification.deliveries) and d.bucket = v_notification.bucket) c,
               herald.render_template(v_notification.template, v_notification.version,
                   c.channel::text, v_notification.locale,
                   herald.template_variables(v_notification.data, v_notification.attributes,
                       v_notification.recipient, v_notification.locale, v_notification.timezone,
                       v_notification.id, v_notification.template, v_notification.category),
                   coalesce(v_notification.send_at, v_notification.created_at),
                   v_notification.timezone, true,
                   (select t.mode = 'strict' from herald.template t
                     where t.name = v_notification.template)) r
         order by c.channel, r.part;
end
$$;
comment on function herald.notify_replay_preview(uuid) is
    'Renders what a notification was, byte for byte, one row a channel and part';
