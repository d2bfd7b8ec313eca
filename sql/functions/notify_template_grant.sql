-- notify_template_grant: allows a role to edit or to publish templates. The role, or one it is a member
-- of, also needs herald_author.
-- Parameters: role - that exists; pattern - a name, or the beginning of names and "*"; privilege - edit or
--             publish
-- Returns: nothing · Writes: template_privilege, template_history · Called by: operators
create function herald.notify_template_grant(role text, pattern text, privilege text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform herald.check_text('role', role, 63);
    perform herald.check_text('pattern', pattern, 64);
    perform herald.check_text('privilege', privilege, 63);
    if privilege not in ('edit', 'publish') then
        perform herald.refuse_unknown('privilege', privilege, '{edit,publish}');
    end if;
    if pattern !~ '^([a-z0-9][a-z0-9_.-]{0,62})?[*]?$' then
        raise exception using errcode = '22023', message = 'pattern is not valid',
            detail = format('It is "%s".', pattern),
            hint = 'It is the name of a template, or the beginning of names followed by "*".';
    end if;
    if not exists (select from pg_roles r where r.rolname = role) then
        perform herald.refuse_unknown('role', role, array(select r.rolname::text from pg_roles r));
    end if;
    insert into herald.template_privilege (grantee, pattern, privilege)
    values (role, notify_template_grant.pattern, notify_template_grant.privilege)
    on conflict do nothing;
    if found then
        perform herald.template_log(null, null, 'grant', jsonb_build_object(
            'role', role, 'pattern', pattern, 'privilege', privilege));
    end if;
end
$$;
comment on function herald.notify_template_grant(text, text, text) is
    'Allows a role to edit or to publish templates of a name or of names that begin alike';
