-- tick_fallback: looks whether the channel that was tried first is confirmed, and else takes the next one,
-- at once when the first has failed or after the category's wait. At most 1000 notifications. One is
-- looked at after a second, and again whenever it has waited half as long again: cheap for long waits.
-- Returns: whether there is more · Writes: fallback, fallback_stats, notification, outbox, delivery
-- Called by: tick
-- The plan must not depend on statistics, which for a queue are always wrong.
create function herald.tick_fallback() returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    v_limit constant integer := 1000;
    v_now constant timestamptz := clock_timestamp();
    v_seen integer;
begin
    if not exists (select from herald.fallback f where f.look_at <= v_now)
       or not pg_try_advisory_xact_lock(1214606916, -7) then
        return false;
    end if;

    -- One delivery for each device, as in a send; what is refused is told by a finished one.
    execute format($sql$
        with due as materialized (
            select f.*
              from herald.fallback f
             where f.look_at <= $1
             order by f.look_at
             limit $2
               for update skip locked),
        judged as materialized (
            select d.*, case when s.confirmed > 0 then 'confirmed'
                             when s.failed < cardinality(d.deliveries) and d.since + d.wait > $1 then 'wait'
                             when exists (select from herald.notification n
                                           where n.id = d.id and n.bucket = d.bucket) then 'next'
                             else 'gone' end as verdict
              from due d
             cross join lateral (
                   select count(*) filter (where e.receipt in ('delivered', 'read')),
                          count(*) filter (where e.receipt = 'undelivered'
                                              or e.state not in ('sent', 'unknown'))
                     from unnest(d.deliveries) as u (id)
                     join herald.delivery e on e.id = u.id and e.bucket = d.bucket
                   ) as s (confirmed, failed)),
        made as materialized (
            select j.id as notification, j.channel as before, j.channels, herald.new_id(j.bucket) as id,
                   n.bucket, n.recipient, n.priority, v.id as device, n.category, n.template,
                   herald.lane(n.sender) as lane, n.expires_at,
                   case when n.expires_at <= $1 then 'expired' when r.reason is not null then 'suppressed'
                        else 'queued' end as state,
                   case when n.expires_at <= $1 then 'expires_at' else r.reason end as reason
              from judged j
              join herald.notification n on n.id = j.id and n.bucket = j.bucket
              left join lateral herald.recipient_address(n.recipient, n.category, j.channels[1:1]) a on true
             cross join lateral (select case when a.channel is null then 'recipient_gone'
                                             else a.reason end) as r (reason)
              left join herald.device v
                on r.reason is null and v.recipient = n.recipient and v.bucket = n.bucket
               and case j.channels[1] when 'push' then v.kind in ('ios', 'android', 'web', 'topic')
                                      else v.kind::text = j.channels[1]::text end
               and exists (select from herald.device_token t
                            where t.device = v.id and t.bucket = v.bucket and t.state <> 'retired')
             where j.verdict = 'next'),
        stepped as materialized (
            select m.notification as id, m.bucket, m.category, m.before, m.channels,
                   array_agg(m.id) as deliveries, bool_or(m.state = 'queued') as escalated
              from made m
             group by m.notification, m.bucket, m.category, m.before, m.channels),
        queued as (
            insert into herald.outbox_%s (id, bucket, notification, recipient, channel, priority, device,
                                          category, template, lane, queued_at, created_at, expires_at)
            select m.id, m.bucket, m.notification, m.recipient, m.channels[1], m.priority, m.device,
                   m.category, m.template, m.lane, $1, $1, m.expires_at
              from made m
             where m.state = 'queued'),
        refused as (
            insert into herald.delivery (id, bucket, notification, recipient, channel, priority, device,
                                         category, template, state, reason, attempts, created_at,
                                         finished_at)
            select m.id, m.bucket, m.notification, m.recipient, m.channels[1], m.priority, m.device,
                   m.category, m.template, m.state::herald.delivery_state, m.reason, 0, $1, $1
              from made m
             where m.state <> 'queued'),
        told as (
            update herald.notification n
               set deliveries = n.deliveries || s.deliveries
              from stepped s
             where n.id = s.id and n.bucket = s.bucket),
        looked as (
            update herald.fallback f
               set look_at = least(j.since + j.wait, $1 + greatest('1 second', ($1 - j.since) / 2))
              from judged j
             where j.verdict = 'wait' and f.id = j.id and f.bucket = j.bucket),
        moved as (
            update herald.fallback f
               set channel = case when s.escalated then s.channels[1] else f.channel end,
                   channels = s.channels[2:], deliveries = s.deliveries, since = $1,
                   look_at = case when s.escalated then $1 + interval '1 second' else $1 end
              from stepped s
             where cardinality(s.channels) > 1 and f.id = s.id and f.bucket = s.bucket),
        ended as (
            delete from herald.fallback f
             using judged j
             where (j.verdict in ('confirmed', 'gone')
                    or j.verdict = 'next' and cardinality(j.channels) = 1)
               and f.id = j.id and f.bucket = j.bucket),
        counted as (
            insert into herald.fallback_stats as t (day, category, channel, next_channel, confirmed,
                                                    escalated)
            select ($1 at time zone 'UTC')::date, o.category, o.channel, o.next_channel,
                   count(*) filter (where not o.escalated), count(*) filter (where o.escalated)
              from (select j.category, j.channel, j.channels[1], false
                      from judged j where j.verdict = 'confirmed'
                     union all
                    select s.category, s.before, s.channels[1], true
                      from stepped s where s.escalated) as o (category, channel, next_channel, escalated)
             group by o.category, o.channel, o.next_channel
                on conflict on constraint fallback_stats_pkey do update
               set confirmed = t.confirmed + excluded.confirmed, escalated = t.escalated + excluded.escalated)
        select count(*) from due
        $sql$, herald.outbox_leaf(v_now))
       into v_seen
      using v_now, v_limit;
    return v_seen > 0 and exists (select from herald.fallback f where f.look_at <= v_now);
end
$$;
comment on function herald.tick_fallback() is
    'Takes the next channel when the one before was not confirmed; true: there is more';
