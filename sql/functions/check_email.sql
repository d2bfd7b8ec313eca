-- check_email: checks a mailbox and lower-cases its domain; the local part stays as typed.
-- Parameters: email - address without display name; plain local parts and ASCII domains only
-- Returns: the address to store · Writes: nothing · Called by: notify_recipient, notify_suppression_remove
create function herald.check_email(email text) returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_hint text;
begin
    if octet_length(email) > 254 then
        raise exception using errcode = '22023',
            message = 'email is longer than 254 bytes',
            detail = format('It begins with "%s".', substr(email, 1, 64));
    end if;
    if octet_length(split_part(email, '@', 1)) <= 64
       and email ~ '^[A-Za-z0-9!#$%&''*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&''*+/=?^_`{|}~-]+)*@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$'
       and email !~ '\.[0-9]+$'
    then
        return split_part(email, '@', 1) || '@' || lower(split_part(email, '@', 2) collate "C");
    end if;
    v_hint := case
        when email ~ '[^\x01-\x7f]' then
            'Write international domains in their ASCII form (xn--…); other local parts are not supported.'
        when octet_length(split_part(email, '@', 1)) > 64 then
            'The part before "@" has at most 64 bytes.'
        else 'Write it as name@domain, without display name, quotes or spaces.' end;
    raise exception using errcode = '22023',
        message = 'email is not a valid address',
        detail = format('It is %s.', to_json(left(email, 64))),
        hint = v_hint;
end
$$;
comment on function herald.check_email(text) is
    'The mailbox with its domain in lower case; refuses what is not a plain address';
