-- tick_partitions: makes one day's partitions, the first day up to partition_days_ahead that lacks one.
-- Returns: whether it made any, then there may be more to make · Writes: partitions
-- Called by: tick
create function herald.tick_partitions() returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_today constant date := (clock_timestamp() at time zone 'UTC')::date;
    v_ahead constant integer := herald.setting_value('partition_days_ahead')::integer;
    v_missing record;
    v_day date;
    v_made boolean := false;
begin
    if not pg_try_advisory_xact_lock(1214606916, -4) then
        return false;
    end if;

    for v_missing in
        select v_today + a.day as day, p.name, p.key
          from generate_series(0, v_ahead) as a (day)
         cross join herald.partitioned_tables() p
         where to_regclass(format('herald.%s_p%s', p.name, to_char(v_today + a.day, 'YYYYMMDD')))
               is null
         order by a.day
    loop
        exit when v_made and v_missing.day <> v_day;
        v_day := v_missing.day;
        v_made := herald.partition_create(v_missing.name, v_missing.key, v_day) or v_made;
    end loop;
    return v_made;
end
$$;
comment on function herald.tick_partitions() is
    'Makes partitions ahead of time, one day a call; true: there may be more to make';
