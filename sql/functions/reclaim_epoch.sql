-- reclaim_epoch: takes all claims of an epoch back; each leaves an attempt "lease_lost". Claims of
-- categories with policy at_most_once end as unknown: they may have been sent. What was lost before
-- is a suspect from now on, and a delivery that brings dispatchers down ends as dead.
-- Parameters: epoch - of a dispatcher without a session
-- Returns: how many claims; null when a session has come back · Writes: outbox, attempt, delivery,
-- dispatcher, provider_state · Called by: tick_reclaim
create function herald.reclaim_epoch(epoch bigint) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now constant timestamptz := clock_timestamp();
    v_poison uuid;
    v_count integer;
    v_total integer := 0;
begin
    -- Held to the end: a session that comes back now waits, and then learns that it is too late.
    if not pg_try_advisory_xact_lock(1214606916, epoch::integer) then
        return null;
    end if;

    v_poison := herald.find_poison(epoch);
    for leaf in 0..12 loop
        continue when pg_relation_size(format('herald.outbox_%s', leaf)::regclass) = 0;
        execute format($sql$
            with lost as materialized (
                select o.id, o.bucket, h.times,
                       case when c.policy = 'at_most_once' then 'unknown'
                            when o.id = $3 then 'dead'
                            when h.times > 1 and %1$s < 12 then 'suspect'
                            else 'queued' end as verdict
                  from herald.outbox_%1$s o
                  left join herald.category c on c.name = o.category
                 cross join lateral (
                       select count(*) + 1 from herald.attempt a
                        where a.id = o.id and a.bucket = o.bucket
                          and a.class = 'lease_lost') as h (times)
                 where o.epoch = $1
                   for update of o),
            back as (
                update herald.outbox_%1$s o
                   set epoch = null, claimed_at = null,
                       queued_at = case when %1$s < 12 then o.queued_at else $2 end
                  from lost l
                 where o.id = l.id and o.bucket = l.bucket and l.verdict = 'queued'
                returning o.id, o.bucket, o.attempt),
            ended as (
                delete from herald.outbox_%1$s o using lost l
                 where o.id = l.id and o.bucket = l.bucket and l.verdict <> 'queued'
                returning o.*, l.verdict, l.times),
            suspected as (
                insert into herald.outbox_12 (id, bucket, notification, recipient, channel,
                                              priority, device, category, template, lane,
                                              attempt, failures, queued_at, created_at, expires_at)
                select e.id, e.bucket, e.notification, e.recipient, e.channel, e.priority, e.device,
                       e.category, e.template, e.lane, e.attempt, e.failures, e.queued_at,
                       e.created_at, e.expires_at
                  from ended e
                 where e.verdict = 'suspect'),
            finished as (
                insert into herald.delivery (id, bucket, notification, recipient, channel, priority,
                                             device, category, template, state, reason, attempts,
                                             created_at, finished_at)
                select e.id, e.bucket, e.notification, e.recipient, e.channel, e.priority, e.device,
                       e.category, e.template, e.verdict::herald.delivery_state,
                       case e.verdict when 'dead' then format('dispatcher_died: %%s times', e.times)
                                      else 'lease_lost' end,
                       e.attempt, e.created_at, $2
                  from ended e
                 where e.verdict <> 'suspect'
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
          using epoch, v_now, v_poison;
        v_total := v_total + v_count;
    end loop;

    update herald.dispatcher d set gone_at = v_now, lost = v_total
     where d.epoch = reclaim_epoch.epoch;
    delete from herald.provider_state s where s.epoch = reclaim_epoch.epoch;
    if v_total > 0 then
        perform herald.ring();
    end if;
    return v_total;
end
$$;
comment on function herald.reclaim_epoch(bigint) is
    'Takes all claims of an epoch without a session back';
