-- object_get: what to answer to a request for the URL of an object.
-- Parameters: token - what stands behind object_base_url/o/; if_none_match - that header, null: none
-- Returns: status of HTTP: 200 with content, 302 with location, 304, 403 when the signature is not ours, 404 when
--          it is no token, 410 when its time is up or the object is gone, 503 when its content lies in the store,
--          whose secrets only dispatchers know; etag and what follows as headers say it
-- Writes: object · Called by: whatever answers these URLs
create function herald.object_get(token text, if_none_match text default null)
returns table (status integer, content_type text, name text, etag text, location text, content bytea)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_part constant text[] := regexp_match(token, '^([A-Za-z0-9_-]{21}[AQgw])[.]([0-9]{1,12})[.][A-Za-z0-9_-]{43}$');
    v_id uuid;
    v_object record;
begin
    if v_part is null then
        return query select 404, null::text, null::text, null::text, null::text, null::bytea;
        return;
    end if;
    v_id := encode(decode(translate(v_part[1], '-_', '+/') || '==', 'base64'), 'hex')::uuid;
    if not (select bool_or(herald.is_same(herald.object_token(k.key, v_id, v_part[2]::bigint), token))
              from herald.object_key k)
    then
        return query select 403, null::text, null::text, null::text, null::text, null::bytea;
        return;
    end if;
    -- It counts as use.
    select f.*, '"' || f.sha256 || '"' as etag into v_object
      from herald.object_find(array[v_id]) f;
    if not found or v_part[2]::bigint <= extract(epoch from clock_timestamp()) then
        return query select 410, null::text, null::text, null::text, null::text, null::bytea;
    elsif v_object.sha256 is null then
        return query select 302, null::text, null::text, null::text, o.url, null::bytea
                       from herald.object o where o.id = v_id;
    elsif if_none_match = '*'
          or v_object.etag = any (regexp_split_to_array(replace(if_none_match, 'W/', ''), '[ ,]+'))
    then
        return query select 304, null::text, null::text, v_object.etag, null::text, null::bytea;
    else
        return query select 200, v_object.content_type, v_object.name, v_object.etag, null::text, c.content
                       from herald.object_content c
                      where c.sha256 = decode(v_object.sha256, 'hex') and c.content is not null;
        if not found then
            return query select 503, null::text, null::text, null::text, null::text, null::bytea;
        end if;
    end if;
end
$$;
comment on function herald.object_get(text, text) is
    'Status, headers and content to answer a request for the URL of an object with';
