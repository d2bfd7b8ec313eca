-- disarm: dispatchers of this database stand by from now on; what they have claimed they finish.
-- Returns: whether that is new · Writes: armed · Called by: operators, before a physical copy
create function herald.disarm() returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    lock table herald.armed in share row exclusive mode;
    if not herald.is_armed() then
        return false;
    end if;
    insert into herald.armed (armed_at, armed_by)
    select greatest(clock_timestamp(), max(a.armed_at) + '1 us'), session_user
      from herald.armed a;
    return true;
end
$$;
comment on function herald.disarm() is
    'Dispatchers of this database stand by from now on; false: they did before';
