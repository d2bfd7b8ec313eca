-- tick_promote: moves deliveries that are due from retry into the outbox, at most 1000.
-- Returns: whether there may be more · Writes: retry, outbox, delivery · Called by: tick
-- The plan must not depend on statistics, which for a queue are always wrong.
create function herald.tick_promote() returns boolean
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
    v_moved integer;
begin
    if not pg_try_advisory_xact_lock(1214606916, -1) then
        return false;
    end if;
    if not exists (select from herald.retry r where r.due_at <= v_now) then
        return false;
    end if;

    -- A retry that has expired or is too old ends here; one over age counts from send_at.
    execute format($sql$
        with due as materialized (
            select r.id, r.bucket
              from herald.retry r
             where r.due_at <= $1
             order by r.due_at, r.id
             limit $2
               for update skip locked),
        taken as (
            delete from herald.retry r
             using due
             where r.id = due.id
               and r.bucket = due.bucket
            returning r.*),
        judged as materialized (
            select t.*, case when t.expires_at <= $1 then 'expired'
                             when t.state = 'retry'
                              and a.since <= $1 - coalesce(c.max_age, '24 hours') then 'dead'
                             else 'queued' end as verdict
              from taken t
              left join herald.category c on c.name = t.category
              left join lateral (
                    select greatest(t.created_at, n.send_at)
                      from (select t.notification, t.bucket) as k (id, bucket)
                      left join herald.notification n on n.id = k.id and n.bucket = k.bucket
                     where t.created_at <= $1 - coalesce(c.max_age, '24 hours')) as a (since)
                on true),
        ended as (
            insert into herald.delivery (id, bucket, notification, recipient, channel, priority,
                                         device, category, template, state, reason, attempts,
                                         created_at, finished_at)
            select j.id, j.bucket, j.notification, j.recipient, j.channel, j.priority, j.device,
                   j.category, j.template, j.verdict::herald.delivery_state,
                   case j.verdict when 'expired' then 'expires_at' else 'max_age' end, j.attempt,
                   j.created_at, $1
              from judged j
             where j.verdict <> 'queued'
                on conflict do nothing),
        queued as (
            insert into herald.outbox_%s (id, bucket, notification, recipient, channel, priority,
                                          device, category, template, lane, attempt, failures,
                                          queued_at, created_at, expires_at)
            select j.id, j.bucket, j.notification, j.recipient, j.channel, j.priority, j.device,
                   j.category, j.template, j.lane, j.attempt, j.failures, $1, j.created_at, j.expires_at
              from judged j
             where j.verdict = 'queued')
        select count(*) from judged
        $sql$, herald.outbox_leaf(v_now))
       into v_moved
      using v_now, v_limit;
    return v_moved = v_limit;
end
$$;
comment on function herald.tick_promote() is
    'Moves deliveries that are due into the outbox; true: there may be more';
