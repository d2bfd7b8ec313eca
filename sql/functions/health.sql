-- health: what an operator should know before it hurts.
-- Returns: a row for each check · Writes: nothing · Called by: metrics of dispatchers, people
create function herald.health() returns table (name text, ok boolean, detail text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_today constant date := (clock_timestamp() at time zone 'UTC')::date;
    v_table text;
    v_rows bigint;
begin
    name := 'armed';
    ok := herald.is_armed();
    detail := case when ok then 'dispatchers deliver from this database'
                   else coalesce((select format('%s: dispatchers stand by until select herald.arm()',
                                         case when a.database is null
                                              then format('disarmed by %s', a.armed_by)
                                              else 'a copy of the database that was armed' end)
                                    from herald.armed a order by a.armed_at desc limit 1),
                                 'never armed: dispatchers stand by until select herald.arm()') end;
    return next;

    name := 'doorbell';
    ok := 'pg_herald' = any (regexp_split_to_array(current_setting('shared_preload_libraries'),
                                                   '[\s",]+'));
    detail := case when ok then 'preloaded'
                   else 'pg_herald is not in shared_preload_libraries: dispatchers poll' end;
    return next;

    for v_table in select p.name from herald.partitioned_tables() p loop
        execute format('select count(*) from (select from herald.%I limit 1000) w',
                       v_table || '_default') into v_rows;
        name := v_table || '_default';
        ok := v_rows = 0;
        detail := case when ok then 'empty'
                       when v_rows = 1000 then '1000 rows or more in no day''s partition'
                       else format('%s rows in no day''s partition', v_rows) end;
        return next;

        name := v_table || '_partitions';
        select max(to_date(right(c.relname, 8), 'YYYYMMDD')) - v_today into v_rows
          from pg_inherits i
          join pg_class c on c.oid = i.inhrelid
         where i.inhparent = format('herald.%I', v_table)::regclass
           and c.relname ~ ('^' || v_table || '_p[0-9]{8}$');
        ok := coalesce(v_rows >= 2, false);
        detail := coalesce(format('made for %s days ahead', v_rows),
                           'none: herald.tick() has not run');
        return next;
    end loop;

    name := 'synchronous_commit';
    v_rows := herald.unsafe_commits();
    ok := coalesce(v_rows = 0, true);
    detail := coalesce(v_rows || ' commits into the outbox with synchronous_commit = off since the start'
                              || ' of the server, which a crash could lose', 'not counted');
    return next;

    name := 'backpressure';
    select count(*), format('closed by max_queued: %s', string_agg(c.name, ', ' order by c.name))
      into v_rows, detail from herald.category c where c.is_full;
    ok := v_rows = 0;
    detail := case when ok then 'no category is closed' else detail end;
    return next;

    name := 'dispatchers';
    select count(*) into v_rows from herald.dispatcher d where d.gone_at is null;
    ok := v_rows > 0;
    detail := format('%s running', v_rows);
    return next;

    name := 'old_snapshot';
    select coalesce(max(extract(epoch from clock_timestamp() - a.xact_start)), 0)::bigint into v_rows
      from pg_stat_activity a
     where a.backend_xmin is not null and a.datname = current_database();
    ok := v_rows < 600;
    detail := format('oldest transaction with a snapshot: %s s', v_rows);
    return next;
end
$$;
comment on function herald.health() is 'Checks for operators: name, whether it is well, and detail';
