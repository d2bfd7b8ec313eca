-- notify_template_import: makes a template equal to the files of a folder: the draft, and what has no
-- versions. What is equal already stays as it is, so that nothing new comes of the same files.
-- Parameters: template - made when missing; paths, contents - all its files, see notify_template_export;
--             comment - of the version when it is published; publish - make it what sends use
-- Returns: the latest version, null when there is none
-- Writes: what the functions write that it calls · Called by: herald-ctl, operators, authors
create function herald.notify_template_import(
    template text, paths text[], contents text[], comment text default '', publish boolean default false)
returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_change record;
    v_version integer;
begin
    if publish is null then
        raise exception using errcode = '22004', message = 'publish must not be null';
    end if;
    perform herald.check_template_privilege(template, 'edit');
    perform herald.check_name('template', template);
    if not exists (select from herald.template t where t.name = notify_template_import.template) then
        perform herald.notify_template(template);
    end if;
    -- Whoever imports the same template at the same time waits, and compares with the outcome.
    perform from herald.template t where t.name = notify_template_import.template for update;
    for v_change in
        select c.path, c.given from herald.template_changes(template, paths, contents) c
         -- What goes makes room for what comes; what a sample renders to needs the sample.
         order by c.path <> 'template.json', c.given is not null, c.path like '%.golden.json', c.path collate "C"
    loop
        perform herald.template_file_apply(template, v_change.path, v_change.given);
    end loop;

    if publish then
        perform herald.notify_template_release(array[template], comment);
    end if;
    select max(v.version) into v_version
      from herald.template_version v
     where v.template = notify_template_import.template;
    return v_version;
end
$$;
comment on function herald.notify_template_import(text, text[], text[], text, boolean) is
    'Makes a template''s draft equal to files and publishes it if asked; returns the latest version';
