-- notify_status: a notification with its deliveries, their attempts and channels that wait. Senders see their own; members of
-- herald_operator and herald_analyst see all.
-- Parameters: id - from notify_send
-- Returns: the notification, null when there is none to see · Writes: nothing
-- Called by: applications, operators
create function herald.notify_status(id uuid) returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'id', n.id, 'recipient', n.recipient, 'template', n.template, 'version', n.version,
        'category', n.category, 'priority', n.priority, 'locale', n.locale, 'sender', n.sender,
        'idempotency_key', n.idempotency_key, 'created_at', n.created_at, 'send_at', n.send_at,
        'expires_at', n.expires_at,
        'fallback', (
            select jsonb_build_object('channel', w.channel, 'channels', w.channels, 'due_at', w.since + w.wait)
              from herald.fallback w where w.id = n.id and w.bucket = n.bucket),
        'deliveries', coalesce((
            select jsonb_agg(d.body || jsonb_build_object('attempts', coalesce((
                       select jsonb_agg(to_jsonb(a) - '{id,bucket}'::text[]
                                        order by a.attempt, a.finished_at)
                         from herald.attempt a
                        where a.id = u.id and a.bucket = n.bucket), '[]')) order by u.place)
              from unnest(n.deliveries) with ordinality u(id, place)
             cross join lateral (
                    select jsonb_build_object('id', o.id, 'channel', o.channel, 'device', o.device,
                               'state', case when o.epoch is null then 'queued' else 'claimed' end,
                               'attempt', o.attempt, 'due_at', o.queued_at)
                      from herald.outbox o where o.id = u.id and o.bucket = n.bucket
                    union all
                    select jsonb_build_object('id', r.id, 'channel', r.channel, 'device', r.device,
                               'state', r.state, 'reason', r.reason, 'attempt', r.attempt,
                               'due_at', r.due_at)
                      from herald.retry r where r.id = u.id and r.bucket = n.bucket
                    union all
                    select jsonb_build_object('id', f.id, 'channel', f.channel, 'device', f.device,
                               'state', f.state, 'reason', f.reason, 'code', f.code,
                               'attempt', f.attempts, 'provider', f.provider,
                               'provider_id', f.provider_id, 'receipt', f.receipt,
                               'receipt_at', f.receipt_at, 'finished_at', f.finished_at)
                      from herald.delivery f where f.id = u.id and f.bucket = n.bucket
                    limit 1) d(body)), '[]'))
      from herald.notification n
     where n.id = notify_status.id and n.bucket = herald.id_bucket(notify_status.id)
       and (n.sender = session_user
            or pg_has_role(session_user, 'herald_operator', 'member')
            or pg_has_role(session_user, 'herald_analyst', 'member'))
$$;
comment on function herald.notify_status(uuid) is
    'A notification with its deliveries and attempts; null when unknown or another sender''s';
