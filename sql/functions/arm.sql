-- arm: dispatchers deliver from this database from now on, within a second or two.
-- Returns: whether that is new · Writes: armed · Called by: operators, once for a database
create function herald.arm() returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    lock table herald.armed in share row exclusive mode;
    if herald.is_armed() then
        return false;
    end if;

    -- Later than every other row, whatever the clock says.
    insert into herald.armed (armed_at, armed_by, system_identifier, database)
    select greatest(clock_timestamp(), max(a.armed_at) + '1 us'), session_user,
           (select c.system_identifier from pg_control_system() c),
           (select d.oid from pg_database d where d.datname = current_database())
      from herald.armed a;
    return true;
end
$$;
comment on function herald.arm() is
    'Dispatchers deliver from this database from now on; false: they did before';
