-- notify_object_store: says where content of objects is moved to, or replaces that. Content that lies in another
-- place already is not moved again: whoever changes endpoint, bucket or prefix copies it there first.
-- Parameters: endpoint - https://HOST[:PORT]; region; bucket; prefix - what keys begin with, empty: nothing;
--             secrets - references of access_key_id and secret_access_key, may be of session_token; settings -
--             ca_file, allow_http, connect_timeout_ms, timeout_ms
-- Returns: nothing · Writes: object_store · Called by: operators
create function herald.notify_object_store(
    endpoint text, region text, bucket text, prefix text default '', secrets jsonb default '{}',
    settings jsonb default '{}')
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_settings constant text[] := '{ca_file,allow_http,connect_timeout_ms,timeout_ms}';
    v_secrets constant text[] := '{access_key_id,secret_access_key,session_token}';
    v_problem text;
begin
    perform herald.check_provider_settings(settings);
    perform herald.check_provider_secrets(secrets);
    perform herald.refuse_unknown('setting', key, v_settings)
       from jsonb_object_keys(settings) key where key <> all (v_settings);
    perform herald.refuse_unknown('secret', key, v_secrets)
       from jsonb_object_keys(secrets) key where key <> all (v_secrets);
    if not secrets ?& v_secrets[1:2] then
        raise exception using errcode = '22023',
            message = format('secrets.%s is missing', (select s from unnest(v_secrets[1:2]) s
                                                        where not secrets ? s limit 1)),
            hint = 'Write {"access_key_id": "env:NAME", "secret_access_key": "file:/path"}.';
    end if;
    perform herald.check_url('endpoint', endpoint, array['https'] ||
        case when (settings -> 'allow_http')::boolean then array['http'] else '{}' end);
    perform herald.check_text('region', region, 32);
    perform herald.check_text('bucket', bucket, 63);
    if prefix is distinct from '' then
        perform herald.check_text('prefix', prefix, 200);
    end if;
    v_problem := case
        when endpoint !~ '^https?://[a-z0-9.-]+(:[0-9]+)?$' then
            'endpoint must be a scheme, a host in lower case, and a port where needed: nothing behind it'
        when region !~ '^[a-z0-9-]+$' then 'region must be made of a-z, 0-9 and "-"'
        when bucket !~ '^[a-z0-9][a-z0-9.-]+[a-z0-9]$' then
            'bucket must have 3 to 63 of a-z, 0-9, "." and "-", a letter or digit at both ends'
        when prefix !~ '^([A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*)?$' then
            'prefix must be names of A-Z, a-z, 0-9, "_", "." and "-" with "/" between them'
    end;
    if v_problem is not null then
        raise exception using errcode = '22023', message = v_problem,
            hint = 'The key of a content is PREFIX/SHA256, its URL ENDPOINT/BUCKET/PREFIX/SHA256.';
    end if;
    insert into herald.object_store (endpoint, region, bucket, prefix, settings, secrets)
    values (notify_object_store.endpoint, notify_object_store.region, notify_object_store.bucket,
            notify_object_store.prefix, notify_object_store.settings, notify_object_store.secrets)
    on conflict on constraint object_store_pkey do update
       set endpoint = excluded.endpoint, region = excluded.region, bucket = excluded.bucket,
           prefix = excluded.prefix, settings = excluded.settings, secrets = excluded.secrets,
           updated_at = excluded.updated_at;
end
$$;
comment on function herald.notify_object_store(text, text, text, text, jsonb, jsonb) is
    'Says to which S3-compatible store content of objects is moved';
