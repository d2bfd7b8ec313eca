-- notify_template_export: a template as files, for a folder under version control.
-- Parameters: template; version - null for the latest one, the draft if there is one
-- Returns: path inside the template's folder and content · Writes: nothing
-- Called by: template_changes, herald-ctl, operators, authors
create function herald.notify_template_export(template text, version integer default null)
returns table (path text, content text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_version integer;
begin
    perform herald.check_template_privilege(template);
    perform herald.check_template(template);
    if version is null then
        select max(v.version) into v_version
          from herald.template_version v where v.template = notify_template_export.template;
    else
        v_version := herald.template_latest(template, version);
    end if;
    return query
    select f.path, herald.template_file(notify_template_export.template, f.path, f.content)
      from (select 'template.json', jsonb_build_object('description', t.description, 'category', t.category,
                                                     'tags', t.tags, 'mode', t.mode,
                                                     'variables', coalesce(v.variables, '{}'))::text
              from herald.template t
              left join herald.template_version v on v.template = t.name and v.version = v_version
             where t.name = notify_template_export.template
            union all
            select herald.template_path(p.channel, p.part, p.locale), p.source || E'\n'
              from herald.template_part p
             where p.template = notify_template_export.template
               and p.version = v_version
            union all
            select format('samples/%s.json', s.sample), jsonb_build_object('locale', s.locale, 'data', s.data)::text
              from herald.template_sample s
             where s.template = notify_template_export.template
            union all
            select format('samples/%s.golden.json', s.sample), s.golden::text
              from herald.template_sample s
             where s.template = notify_template_export.template and s.golden is not null)
           f(path, content)
     order by f.path collate "C";
end
$$;
comment on function herald.notify_template_export(text, integer) is
    'A version of a template as files: path inside the template''s folder and content';
