-- schedule_tick: lets pg_cron call herald.tick() every minute, as the current user.
-- Returns: number of the job; calling again changes the same job · Writes: cron.job
-- Called by: operators, once
create function herald.schedule_tick() returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_job bigint;
begin
    if not exists (select from pg_extension e where e.extname = 'pg_cron') then
        raise exception using
            errcode = '0A000',
            message = 'pg_cron is not installed in this database',
            hint = format('Create extension pg_cron here, or call cron.schedule_in_database('
                          '''herald-tick'', ''* * * * *'', ''call herald.tick()'', %L) in the '
                          'database that has it.', current_database());
    end if;
    execute 'select cron.schedule(''herald-tick'', ''* * * * *'', ''call herald.tick()'')' into v_job;
    return v_job;
end
$$;
comment on function herald.schedule_tick() is 'Lets pg_cron call herald.tick() every minute';
