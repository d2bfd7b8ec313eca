-- template_draft: locks a template and begins a draft when it has none, as a copy of the latest version.
-- Parameters: template - that exists
-- Returns: the draft's version · Writes: template_version, template_part, template_history
-- Called by: functions that change a draft
create function herald.template_draft(template text) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_latest herald.template_version;
    v_draft integer;
begin
    perform from herald.template t where t.name = template_draft.template for update;
    select v.* into v_latest from herald.template_version v
     where v.template = template_draft.template
     order by v.version desc limit 1;
    if v_latest.version is not null and v_latest.published_at is null then
        return v_latest.version;
    end if;
    v_draft := coalesce(v_latest.version, 0) + 1;
    insert into herald.template_version (template, version, variables)
    values (template_draft.template, v_draft, coalesce(v_latest.variables, '{}'));
    insert into herald.template_part (template, version, channel, locale, part, source, uses)
    select p.template, v_draft, p.channel, p.locale, p.part, p.source, p.uses
      from herald.template_part p
     where p.template = template_draft.template and p.version = v_latest.version;
    perform herald.template_log(template, v_draft, 'draft',
                                jsonb_build_object('from', v_latest.version));
    return v_draft;
end
$$;
comment on function herald.template_draft(text) is
    'The draft of a template, begun as a copy of the latest version when there is none';
