-- tick_retention: removes what is older than retention_days and idempotency_days: a partition is
-- emptied in one call and dropped in a later one, when nobody uses its table; a few thousand rows a
-- call go from DEFAULT leaves, keys, retired device tokens, finished epochs, counts of phone numbers
-- and of fallback_stats.
-- Returns: whether it emptied or dropped a partition, then there may be more · Writes: all of those
-- Called by: tick
-- No plan may read a whole table, every second, to find that nothing in it is old.
create function herald.tick_retention() returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
set enable_seqscan = off
as $$
declare
    v_most constant integer := 5000;
    v_cutoff constant timestamptz :=
        clock_timestamp() - make_interval(days => herald.setting_value('retention_days')::integer);
    v_old record;
begin
    if not pg_try_advisory_xact_lock(1214606916, -5) then
        return false;
    end if;

    for v_old in
        select p.name || '_default' as leaf from herald.partitioned_tables() p
         where pg_relation_size(format('herald.%I', p.name || '_default')) > 0
    loop
        execute format('delete from herald.%1$I where ctid = any (array('
                       'select ctid from herald.%1$I where id < $1 limit $2))', v_old.leaf)
          using herald.id_floor(v_cutoff), v_most;
    end loop;
    delete from herald.idempotency i
     where i.ctid = any (array(
           select k.ctid from herald.idempotency k
            where k.created_at < clock_timestamp()
                  - make_interval(days => herald.setting_value('idempotency_days')::integer)
            limit v_most));
    delete from herald.device_token t
     where t.ctid = any (array(
           select r.ctid from herald.device_token r
            where r.state = 'retired' and r.state_at < v_cutoff
            limit v_most));
    delete from herald.dispatcher d where d.gone_at < v_cutoff;
    delete from herald.phone_usage u
     where u.ctid = any (array(
           select p.ctid from herald.phone_usage p
            where p.window_start < clock_timestamp() - interval '62 days'
            limit v_most));
    delete from herald.fallback_stats s where s.day < (v_cutoff at time zone 'UTC')::date;

    for v_old in
        select p.name as parent, c.relname as leaf
          from herald.partitioned_tables() p
          join pg_inherits i on i.inhparent = format('herald.%I', p.name)::regclass
          join pg_class c on c.oid = i.inhrelid
         where c.relname ~ ('^' || p.name || '_p[0-9]{8}$')
           and right(c.relname, 8) < to_char(v_cutoff at time zone 'UTC', 'YYYYMMDD')
         order by c.relname
    loop
        -- Ids of deliveries may be a moment later than that of their notification.
        if not herald.has_pending(to_date(right(v_old.leaf, 8), 'YYYYMMDD') + 2)
           and herald.partition_remove(v_old.parent, v_old.leaf)
        then
            return true;
        end if;
    end loop;
    return false;
end
$$;
comment on function herald.tick_retention() is
    'Removes what is older than the retention times; true: there may be more';
