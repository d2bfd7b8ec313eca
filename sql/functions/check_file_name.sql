-- check_file_name: refuses what mail programs would not take as the name of a file.
-- Parameters: name - empty: none
-- Returns: nothing · Writes: nothing · Called by: notify_object, notify_object_external
create function herald.check_file_name(name text) returns void
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    if name = '' then
        return;
    end if;
    perform herald.check_text('name', name, 200);
    if name ~ '[/\\]' then
        raise exception using errcode = '22023',
            message = 'name must be the name of a file without a folder',
            detail = format('It is %s.', to_json(left(name, 64)));
    end if;
end
$$;
comment on function herald.check_file_name(text) is 'Refuses what cannot be the name of a file';
