-- check_provider_secrets: refuses secrets that are values instead of references.
-- Parameters: secrets - as given
-- Returns: nothing · Writes: nothing · Called by: notify_provider, notify_object_store
create function herald.check_provider_secrets(secrets jsonb) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_key text;
    v_value jsonb;
begin
    perform herald.check_json('secrets', secrets, 65536, 8);
    for v_key, v_value in select key, value from jsonb_each(secrets) loop
        if v_key !~ '^[a-z][a-z0-9_]{0,62}$' then
            raise exception using errcode = '22023',
                message = format('secrets has a member with an invalid name: %s', to_json(left(v_key, 64)));
        end if;
        -- The value is not shown: it may be the secret itself.
        if jsonb_typeof(v_value) <> 'string' or octet_length(v_value #>> '{}') > 4096
           or v_value #>> '{}' !~ '^(env:[A-Za-z_][A-Za-z0-9_]*|file:/[^\x01-\x1f\x7f]+)$'
        then
            raise exception using errcode = '22023',
                message = format('secrets.%s must be a reference, not a value', v_key),
                hint = 'Write "env:NAME" or "file:/path"; the dispatcher resolves it.';
        end if;
    end loop;
end
$$;
comment on function herald.check_provider_secrets(jsonb) is
    'Refuses secrets that are values instead of references';
