-- check_provider_settings: refuses settings of a provider that hold secrets or more than texts by key.
-- Parameters: settings - as given
-- Returns: nothing · Writes: nothing · Called by: notify_provider, notify_object_store
create function herald.check_provider_settings(settings jsonb) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_key text;
    v_value jsonb;
begin
    perform herald.check_json('settings', settings, 65536, 8);
    for v_key, v_value in select key, value from jsonb_each(settings) loop
        if v_key !~ '^[a-z][a-z0-9_]{0,62}$' then
            raise exception using errcode = '22023',
                message = format('settings has a member with an invalid name: %s', to_json(left(v_key, 64)));
        end if;
        if v_key ~ '(^|_)(password|passwd|passphrase|secret|credentials?|token|key|pem)$'
           or v_value #>> '{}' ~ '-----BEGIN'
        then
            raise exception using errcode = '22023',
                message = format('settings.%s looks like a secret', v_key),
                hint = format('Pass a reference in secrets: {"%s": "env:NAME"} or "file:/path".', v_key);
        end if;
        if jsonb_typeof(v_value) not in ('string', 'number', 'boolean')
           and (jsonb_typeof(v_value) <> 'object'
                or exists (select from jsonb_each(v_value) m where jsonb_typeof(m.value) <> 'string')) then
            raise exception using errcode = '22023',
                message = format('settings.%s must be a string, number, boolean or an object of strings', v_key),
                detail = format('It is of type %s.', jsonb_typeof(v_value));
        end if;
        if octet_length(v_value #>> '{}') > 8192 then
            raise exception using errcode = '54000',
                message = format('settings.%s is longer than 8192 bytes', v_key);
        end if;
        if exists (select from jsonb_each_text(case jsonb_typeof(v_value) when 'object' then v_value
                                                    else jsonb_build_object('', v_value) end) m
                    where m.value ~ '[\x01-\x1f\x7f-\x9f]') then
            raise exception using errcode = '22023',
                message = format('settings.%s contains control characters', v_key);
        end if;
    end loop;
    if settings ? 'allow_http' and jsonb_typeof(settings -> 'allow_http') <> 'boolean' then
        raise exception using errcode = '22023', message = 'settings.allow_http must be a boolean';
    end if;
    if settings ? 'endpoint' then
        perform herald.check_url('settings.endpoint', settings ->> 'endpoint',
            array['https'] ||
            case when (settings -> 'allow_http')::boolean then array['http'] else '{}' end);
    end if;
end
$$;
comment on function herald.check_provider_settings(jsonb) is
    'Refuses settings of a provider that hold nested structure, secrets or a bad endpoint';
