-- check_name: refuses what cannot be the name of a template, category or provider.
-- Parameters: field - name for messages; value - the name
-- Returns: nothing · Writes: nothing · Called by: notify_template, notify_category, notify_provider
create function herald.check_name(field text, value text) returns void
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    perform herald.check_text(field, value, 63);
    if value !~ '^[a-z0-9][a-z0-9_.-]{0,62}$' then
        raise exception using errcode = '22023',
            message = format('%s is not a valid name', field),
            detail = format('It is "%s".', left(value, 64)),
            hint = 'Names are made of a-z, 0-9, "_", "." and "-" and begin with a letter or digit.';
    end if;
end
$$;
comment on function herald.check_name(text, text) is
    'Refuses what cannot be the name of a template, category or provider';
