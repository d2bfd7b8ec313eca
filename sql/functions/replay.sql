-- replay: renders a channel of a notification as it was rendered for its delivery.
-- Parameters: notification - its row; channel; delivery - that tracking links are for;
--             fail - raise the first error instead of reporting it
-- Returns: see render_template · Writes: nothing · Called by: notify_replay_preview, link_target
create function herald.replay(notification herald.notification, channel text, delivery uuid, fail boolean)
returns table (part text, content text, problem text, links text[])
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select r.part, r.content, r.problem, r.links
      from herald.render_template((notification).template, (notification).version, replay.channel,
               (notification).locale,
               herald.template_variables((notification).data, (notification).attributes,
                   (notification).recipient, (notification).locale, (notification).timezone,
                   (notification).id, (notification).template, (notification).category),
               coalesce((notification).send_at, (notification).created_at),
               (notification).timezone, fail, null, replay.delivery) r
$$;
comment on function herald.replay(herald.notification, text, uuid, boolean) is
    'Renders a channel of a notification as it was rendered for its delivery';
