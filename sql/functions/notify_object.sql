-- notify_object: stores content that notifications refer to. The same content is kept once, and the same
-- content with the same type and name from the same sender is the same object.
-- Parameters: content; content_type - media type; name - of the file, empty: none
-- Returns: the object's id · Writes: object, object_content · Called by: applications
create function herald.notify_object(content bytea, content_type text, name text default '')
returns uuid
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_max constant bigint := herald.setting_value('object_max_bytes')::bigint;
    v_total_max constant bigint := herald.setting_value('object_total_max_bytes')::bigint;
    v_sha256 bytea;
    v_total bigint;
    v_id uuid;
begin
    if content is null then
        raise exception using errcode = '22004', message = 'content must not be null';
    end if;
    if octet_length(content) = 0 then
        raise exception using errcode = '22023', message = 'content must not be empty';
    end if;
    if octet_length(content) > v_max then
        raise exception using errcode = '54000',
            message = format('content is longer than %s bytes', v_max),
            detail = format('It has %s bytes.', octet_length(content)),
            hint = 'The setting object_max_bytes is the limit.';
    end if;
    perform herald.check_content_type(content_type);
    perform herald.check_file_name(name);
    v_sha256 := sha256(content);

    -- Removals of this content wait, so it stays until the object that needs it is there.
    perform pg_advisory_xact_lock_shared(1214607957, hashtext(encode(v_sha256, 'hex')));
    if not exists (select from herald.object_content c where c.sha256 = v_sha256 and not c.removed) then
        select coalesce(sum(octet_length(c.content)), 0) into v_total from herald.object_content c;
        if v_total + octet_length(content) > v_total_max then
            raise exception using errcode = '53400',
                message = format('the objects of this database would have more than %s bytes', v_total_max),
                detail = format('They have %s bytes.', v_total),
                hint = 'Remove some with herald.notify_object_remove(), or raise the setting '
                       'object_total_max_bytes.';
        end if;
        insert into herald.object_content as c (sha256, content) values (v_sha256, notify_object.content)
            on conflict on constraint object_content_pkey
            do update set content = excluded.content, removed = false where c.removed;
    end if;

    insert into herald.object as o (sender, content_type, name, sha256, size)
    values (session_user, notify_object.content_type, coalesce(notify_object.name, ''), v_sha256,
            octet_length(notify_object.content))
        on conflict on constraint object_sha256_sender_content_type_name_key
        do update set used_at = now()
        returning o.id into v_id;
    return v_id;
end
$$;
comment on function herald.notify_object(bytea, text, text) is
    'Stores content that notifications refer to by the id that it returns';
