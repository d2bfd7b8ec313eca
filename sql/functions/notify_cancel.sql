-- notify_cancel: cancels the deliveries of a notification that no dispatcher has claimed.
-- Parameters: id - of the notification
-- Returns: how many were cancelled, channels that wait for an earlier one included; what is claimed at
-- this moment is not, and may be tried again.
-- 0 for an unknown id, and for another sender's unless an operator calls
-- Writes: fallback, retry, outbox, delivery · Called by: applications, operators
create function herald.notify_cancel(id uuid) returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    v_now constant timestamptz := clock_timestamp();
    v_deliveries uuid[];
    v_bucket integer;
    v_spared integer;
    v_waiting integer;
    v_queued integer;
begin
    select n.bucket into v_bucket
      from herald.notification n
     where n.id = notify_cancel.id and n.bucket = herald.id_bucket(notify_cancel.id)
       and (n.sender = session_user or pg_has_role(session_user, 'herald_operator', 'member'));

    -- First what becomes a delivery, then retry, then the outbox, each with a later snapshot: that is
    -- the way deliveries move when nobody has claimed them, so none slips through in between.
    delete from herald.fallback f
     where f.id = notify_cancel.id and f.bucket = v_bucket
    returning cardinality(f.channels) into v_spared;
    select n.deliveries into v_deliveries
      from herald.notification n
     where n.id = notify_cancel.id and n.bucket = v_bucket;
    with gone as (
        delete from herald.retry r
         where r.id = any (v_deliveries) and r.bucket = v_bucket
        returning r.*)
    insert into herald.delivery (id, bucket, notification, recipient, channel, priority, device,
                                 category, template, state, attempts, created_at, finished_at)
    select g.id, g.bucket, g.notification, g.recipient, g.channel, g.priority, g.device, g.category,
           g.template, 'cancelled', g.attempt, g.created_at, v_now
      from gone g
        on conflict do nothing;
    get diagnostics v_waiting = row_count;

    with gone as (
        delete from herald.outbox o
         where o.id = any (v_deliveries) and o.bucket = v_bucket and o.epoch is null
        returning o.*)
    insert into herald.delivery (id, bucket, notification, recipient, channel, priority, device,
                                 category, template, state, attempts, created_at, finished_at)
    select g.id, g.bucket, g.notification, g.recipient, g.channel, g.priority, g.device, g.category,
           g.template, 'cancelled', g.attempt, g.created_at, v_now
      from gone g
        on conflict do nothing;
    get diagnostics v_queued = row_count;
    return coalesce(v_spared, 0) + v_waiting + v_queued;
end
$$;
comment on function herald.notify_cancel(uuid) is
    'Cancels the deliveries of a notification that are not being sent; returns how many';
