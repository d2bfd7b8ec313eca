-- check_description: refuses a description or comment that is null or too long.
-- Parameters: description
-- Returns: nothing · Writes: nothing · Called by: notify_category, notify_template
create function herald.check_description(description text) returns void
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    if description is null then
        raise exception using errcode = '22004', message = 'description must not be null';
    end if;
    if octet_length(description) > 4096 then
        raise exception using errcode = '54000', message = 'description is longer than 4096 bytes';
    end if;
end
$$;
comment on function herald.check_description(text) is 'Refuses a description that is null or too long';
