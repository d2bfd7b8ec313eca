-- tick_reclaim: takes claims back from dispatchers that are gone, ends the sessions of hung ones, and
-- tells when the clock was moved.
-- A dispatcher is gone when no session has held the lock on its epoch for 1.7 s: time enough to
-- reconnect after a restart of PostgreSQL. It hangs when none of its sessions has done anything for
-- lease_s. Both times are measured by this session, so it must be one that calls often: dispatchers do
-- four times a second.
-- Returns: false · Writes: dispatcher, outbox, attempt, delivery · Called by: tick
create function herald.tick_reclaim() returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_grace_us constant bigint := 1700000;
    v_lease_us constant bigint := herald.setting_value('lease_s')::bigint * 1000000;
    v_seen record;
    v_step_s bigint;
begin
    if not pg_try_advisory_xact_lock(1214606916, -3) then
        return false;
    end if;

    -- Claims do not mind, but everything that is to come at a time does.
    v_step_s := herald.clock_step() / 1000000;
    if abs(v_step_s) >= 10 then
        raise warning 'the clock was moved by % s: what waits for a time comes that much %', v_step_s,
            case when v_step_s > 0 then 'earlier' else 'later' end;
    end if;

    for v_seen in
        select d.epoch, array_agg(l.pid) filter (where l.pid is not null) as pids,
               coalesce(bool_or(l.pid = pg_backend_pid()), false) as is_me,
               max(a.state_change)::text as heartbeat
          from herald.dispatcher d
          left join pg_locks l
            on l.locktype = 'advisory' and l.classid = 1214606916 and l.objid::bigint = d.epoch
           and l.objsubid = 2 and l.mode = 'ShareLock' and l.granted
           and l.database = (select b.oid from pg_database b where b.datname = current_database())
          left join pg_stat_activity a on a.pid = l.pid
         where d.gone_at is null
         group by d.epoch
    loop
        if v_seen.pids is null then
            if herald.observe(v_seen.epoch, 'gone') >= v_grace_us then
                perform herald.reclaim_epoch(v_seen.epoch);
            end if;
        elsif not v_seen.is_me and herald.observe(v_seen.epoch, v_seen.heartbeat) >= v_lease_us then
            raise warning 'dispatcher with epoch % has been silent for % s: ending its sessions',
                v_seen.epoch, v_lease_us / 1000000;
            perform pg_terminate_backend(s.pid) from unnest(v_seen.pids) as s (pid);
        end if;
    end loop;
    return false;
end
$$;
comment on function herald.tick_reclaim() is
    'Takes claims back from dispatchers that are gone, ends the sessions of hung ones';
