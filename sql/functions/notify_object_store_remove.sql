-- notify_object_store_remove: content of objects stays in the database from now on. Refused while there is
-- content in the store.
-- Returns: whether there was a store · Writes: object_store · Called by: operators
create function herald.notify_object_store_remove() returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count bigint;
begin
    -- What dispatchers are about to take waits, or is seen here.
    lock table herald.object_store in exclusive mode;
    select count(*) into v_count from herald.object_content c where c.stored;
    if v_count > 0 then
        raise exception using errcode = '55006',
            message = format('the object store has the content of objects: %s', v_count),
            hint = 'Remove these objects, or let them go after object_retention_days; with the setting '
                   'object_base_url no more are moved.';
    end if;
    delete from herald.object_store;
    return found;
end
$$;
comment on function herald.notify_object_store_remove() is
    'Keeps content of objects in the database again; false: there was no store';
