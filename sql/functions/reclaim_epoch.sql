-- reclaim_epoch: takes all claims of an epoch back; each leaves an attempt "lease_lost", which counts
-- as a failure, because a delivery may be what brought the dispatcher down. Claims of categories
-- with policy at_most_once end as unknown: they may have been sent.
-- Parameters: epoch - of a dispatcher without a session
-- Returns: how many claims; null when a session has come back · Writes: outbox, attempt, delivery,
-- dispatcher · Called by: tick_reclaim
create function herald.reclaim_epoch(epoch bigint) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now constant timestamptz := clock_timestamp();
    v_count integer;
    v_total integer := 0;
begin
    -- Held to the end: a session that comes back now waits, and then learns that it is too late.
    if not pg_try_advisory_xact_lock(1214606916, epoch::integer) then
        return null;
    end if;

    for leaf in 0..11 loop
        execute format($sql$
            with lost as materialized (
                select o.id, o.bucket,
                       case when c.policy = 'at_most_once' then 'unknown'
                            when o.failures + 1 >= coalesce(c.max_attempts, 12) then 'dead'
                            else 'queued' end as verdict
                  from herald.outbox_%1$s o
                  left join herald.category c on c.name = o.category
                 where o.epoch = $1
                   for update of o),
            back as (
                update herald.outbox_%1$s o
                   set epoch = null, claimed_at = null, failures = o.failures + 1
                  from lost l
                 where o.id = l.id and o.bucket = l.bucket and l.verdict = 'queued'
                returning o.id, o.bucket, o.attempt),
            ended as (
                delete from herald.outbox_%1$s o using lost l
                 where o.id = l.id and o.bucket = l.bucket and l.verdict <> 'queued'
                returning o.*, l.verdict),
            finished as (
                insert into herald.delivery (id, bucket, notification, recipient, channel, priority,
                                             device, category, template, state, reason, attempts,
                                             created_at, finished_at)
                select e.id, e.bucket, e.notification, e.recipient, e.channel, e.priority, e.device,
                       e.category, e.template, e.verdict::herald.delivery_state, 'lease_lost',
                       e.attempt, e.created_at, $2
                  from ended e
                    on conflict do nothing),
            tried as (
                insert into herald.attempt (id, bucket, attempt, epoch, class, reason, finished_at)
                select t.id, t.bucket, t.attempt, $1, 'lease_lost',
                       'the dispatcher was lost before it recorded a result', $2
                  from (select b.id, b.bucket, b.attempt from back b
                         union all
                        select e.id, e.bucket, e.attempt from ended e) as t
                    on conflict do nothing)
            select count(*) from lost
            $sql$, leaf)
           into v_count
          using epoch, v_now;
        v_total := v_total + v_count;
    end loop;

    update herald.dispatcher d set gone_at = v_now where d.epoch = reclaim_epoch.epoch;
    if v_total > 0 then
        perform herald.ring();
    end if;
    return v_total;
end
$$;
comment on function herald.reclaim_epoch(bigint) is
    'Takes all claims of an epoch without a session back';
