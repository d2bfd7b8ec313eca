-- notify_redrive: puts the dead letters of a notification back into the outbox. Their failures and
-- their age start anew, the numbers of attempts go on.
-- Parameters: id - of the notification
-- Returns: how many · Writes: delivery, outbox · Called by: operators
create function herald.notify_redrive(id uuid) returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now constant timestamptz := clock_timestamp();
    v_notification record;
    v_count integer;
begin
    select n.deliveries, n.bucket, n.sender, n.expires_at into v_notification
      from herald.notification n
     where n.id = notify_redrive.id and n.bucket = herald.id_bucket(notify_redrive.id);

    execute format($sql$
        with dead as (
            delete from herald.delivery d
             where d.id = any ($1) and d.bucket = $2 and d.state in ('dead', 'failed')
            returning d.*)
        insert into herald.outbox_%s (id, bucket, notification, recipient, channel, priority, device,
                                      category, template, lane, attempt, queued_at, created_at,
                                      expires_at)
        select d.id, d.bucket, d.notification, d.recipient, d.channel, d.priority, d.device,
               d.category, d.template, herald.lane($5), d.attempts, $3, $3, $4
          from dead d
        $sql$, herald.outbox_leaf(v_now))
      using v_notification.deliveries, v_notification.bucket, v_now, v_notification.expires_at,
            v_notification.sender;
    get diagnostics v_count = row_count;
    return v_count;
end
$$;
comment on function herald.notify_redrive(uuid) is
    'Puts the dead letters of a notification back into the outbox; returns how many';
