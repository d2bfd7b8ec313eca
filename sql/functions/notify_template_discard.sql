-- notify_template_discard: deletes the draft of a template; the next one begins anew.
-- Parameters: template
-- Returns: the version it had · Writes: template_version, template_part, template_history
-- Called by: operators, authors
create function herald.notify_template_discard(template text) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_version integer;
begin
    perform herald.check_template_privilege(template, 'edit');
    perform herald.check_template(template);
    perform from herald.template t where t.name = notify_template_discard.template for update;
    delete from herald.template_version v
     where v.template = notify_template_discard.template and v.published_at is null
    returning v.version into v_version;
    if v_version is null then
        raise exception using errcode = '55000',
            message = format('template "%s" has no draft to discard', template);
    end if;
    delete from herald.template_part p
     where p.template = notify_template_discard.template and p.version = v_version;
    perform herald.template_index(template);
    perform herald.template_log(template, v_version, 'discard');
    return v_version;
end
$$;
comment on function herald.notify_template_discard(text) is
    'Deletes the draft of a template; returns the version it had';
