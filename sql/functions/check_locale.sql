-- check_locale: refuses what is not a language tag.
-- Parameters: name - such as ko, ko-KR or '' for none
-- Returns: nothing · Writes: nothing · Called by: notify_recipient, notify_template_part, notify_render
create function herald.check_locale(name text) returns void
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    if octet_length(name) > 35 or name !~ '^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$' then
        raise exception using errcode = '22023',
            message = 'locale is not a language tag',
            detail = format('It begins with "%s".', substr(name, 1, 64)),
            hint = 'Write it like "en" or "pt-BR", at most 35 characters.';
    end if;
end
$$;
comment on function herald.check_locale(text) is 'Refuses what is not a language tag such as pt-BR';
