-- check_template_privilege: refuses who may not edit, publish or read a template.
-- Parameters: template - it need not exist; privilege - edit or publish, null: to read it
-- Returns: nothing, raises 42501 · Writes: nothing · Called by: functions that authors may call
create function herald.check_template_privilege(template text, privilege text default null)
returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if not herald.has_template_privilege(template, privilege) then
        raise exception using errcode = '42501',
            message = format('role "%s" may not %s template "%s"', session_user,
                             coalesce(privilege, 'read'), left(template, 64)),
            hint = format('An operator allows it with herald.notify_template_grant(''%s'', ''%s'', ''%s'').',
                          session_user, coalesce(left(template, 63), '*'), coalesce(privilege, 'edit'));
    end if;
end
$$;
comment on function herald.check_template_privilege(text, text) is
    'Refuses who may not edit, publish or (null) read a template';
