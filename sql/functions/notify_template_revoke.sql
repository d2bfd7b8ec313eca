-- notify_template_revoke: takes back what notify_template_grant gave.
-- Parameters: role - it need not exist any more; pattern; privilege - as granted
-- Returns: false when it was not granted · Writes: template_privilege, template_history
-- Called by: operators
create function herald.notify_template_revoke(role text, pattern text, privilege text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform herald.check_text('role', role, 63);
    perform herald.check_text('pattern', pattern, 64);
    perform herald.check_text('privilege', privilege, 63);
    delete from herald.template_privilege p
     where p.grantee = role and p.pattern = notify_template_revoke.pattern
       and p.privilege = notify_template_revoke.privilege;
    if not found then
        return false;
    end if;
    perform herald.template_log(null, null, 'revoke', jsonb_build_object(
        'role', role, 'pattern', pattern, 'privilege', privilege));
    return true;
end
$$;
comment on function herald.notify_template_revoke(text, text, text) is
    'Takes back a privilege on templates; false when it was not granted';
