-- check_phone: brings a phone number to E.164.
-- Parameters: phone - with country code; spaces, hyphens, dots and brackets are dropped
-- Returns: the number to store, such as +15005550006 · Writes: nothing
-- Called by: notify_recipient, notify_suppression_remove
create function herald.check_phone(phone text) returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_phone text;
begin
    if octet_length(phone) > 64 then
        raise exception using errcode = '22023',
            message = 'phone is longer than 64 bytes',
            detail = format('It begins with "%s".', substr(phone, 1, 64));
    end if;
    v_phone := translate(phone, ' -.()[]', '');
    if v_phone !~ '^\+[1-9][0-9]{6,14}$' then
        raise exception using errcode = '22023',
            message = 'phone is not an E.164 number',
            detail = format('It is %s.', to_json(left(phone, 64))),
            hint = 'Write "+", the country code and the number, 7 to 15 digits.';
    end if;
    return v_phone;
end
$$;
comment on function herald.check_phone(text) is
    'The phone number in E.164; drops spaces, hyphens, dots and brackets';
