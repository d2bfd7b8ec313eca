-- notify_object_external: an object whose content lies elsewhere. It can be linked to, not attached.
-- Parameters: url - https; content_type - media type; name - of the file, empty: none
-- Returns: the object's id, the same for the same arguments of the same sender
-- Writes: object · Called by: applications
create function herald.notify_object_external(url text, content_type text, name text default '')
returns uuid
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid;
begin
    perform herald.check_url('url', url, '{https}');
    perform herald.check_content_type(content_type);
    perform herald.check_file_name(name);
    insert into herald.object as o (sender, content_type, name, url)
    values (session_user, notify_object_external.content_type,
            coalesce(notify_object_external.name, ''), notify_object_external.url)
        on conflict on constraint object_url_sender_content_type_name_key
        do update set used_at = now()
        returning o.id into v_id;
    return v_id;
end
$$;
comment on function herald.notify_object_external(text, text, text) is
    'Registers content at a URL, so that notifications can refer to it by the id that it returns';
