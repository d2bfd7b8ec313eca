-- has_template_privilege: whether who has logged in may do something with a template. It asks for
-- session_user: the functions that call it run with the rights of their owner, so that current_user is
-- always that owner, and SET ROLE gives nobody more than the login has.
-- Parameters: template - it need not exist; privilege - edit or publish, null: to read it
-- Returns: the answer · Writes: nothing
-- Called by: check_template_privilege, notify_template_search, template_versions
create function herald.has_template_privilege(template text, privilege text default null)
returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select pg_has_role(session_user, 'herald_operator', 'member')
        or privilege is null and pg_has_role(session_user, 'herald_analyst', 'member')
        or exists (select from herald.template_privilege p
                     join pg_roles r on r.rolname = p.grantee
                    where (has_template_privilege.privilege is null
                           or p.privilege = has_template_privilege.privilege)
                      and (p.pattern = template
                           or right(p.pattern, 1) = '*' and starts_with(template, left(p.pattern, -1)))
                      and pg_has_role(session_user, r.oid, 'member'))
$$;
comment on function herald.has_template_privilege(text, text) is
    'Whether who has logged in may edit, publish or (null) read a template';
