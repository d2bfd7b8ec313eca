-- notify_template_variables: declares the variables of a template's draft. Sends of the version check data
-- against them and fill in their defaults.
-- Parameters: template; variables - a subset of JSON Schema, see check_variables; null or {}: none
-- Returns: the draft's version · Writes: template_version, template_part, template_history
-- Called by: operators, authors
create function herald.notify_template_variables(template text, variables jsonb) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_new jsonb := coalesce(variables, '{}');
    v_draft integer;
    v_old jsonb;
begin
    perform herald.check_template_privilege(template, 'edit');
    perform herald.check_template(template);
    perform herald.check_variables(v_new);
    v_draft := herald.template_draft(template);
    select v.variables into v_old from herald.template_version v
     where v.template = notify_template_variables.template and v.version = v_draft;
    if v_old <> v_new then
        update herald.template_version v set variables = v_new
         where v.template = notify_template_variables.template and v.version = v_draft;
        perform herald.template_log(template, v_draft, 'variables',
                                    jsonb_build_object('old', v_old, 'new', v_new));
    end if;
    return v_draft;
end
$$;
comment on function herald.notify_template_variables(text, jsonb) is
    'Declares the variables of a template''s draft; returns the draft''s version';
