-- check_text: refuses an argument that is null, empty, too long or holds control characters.
-- Parameters: field - name for messages; value - the argument; max_bytes - its limit
-- Returns: nothing · Writes: nothing · Called by: functions that take names and addresses
create function herald.check_text(field text, value text, max_bytes integer) returns void
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    if value is null then
        raise exception using errcode = '22004', message = format('%s must not be null', field);
    end if;
    if octet_length(value) > max_bytes then
        raise exception using errcode = '54000',
            message = format('%s is longer than %s bytes', field, max_bytes),
            detail = format('It begins with "%s".', substr(value, 1, 64));
    end if;
    if value = '' then
        raise exception using errcode = '22023', message = format('%s must not be empty', field);
    end if;
    if value ~ '[\x01-\x1f\x7f-\x9f]' then
        raise exception using errcode = '22023',
            message = format('%s contains control characters', field),
            detail = format('It is %s.', to_json(left(value, 64)));
    end if;
end
$$;
comment on function herald.check_text(text, text, integer) is
    'Refuses null, empty, overlong text and control characters; field names the argument';
