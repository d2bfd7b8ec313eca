-- template_changes: what differs between a template and the files of a folder.
-- Parameters: template; paths, contents - the folder's files; version - as for notify_template_export
-- Returns: path, content in the database (null: no such file), content given (null: no such file), both in
--          the form that export writes · Writes: nothing · Called by: notify_template_import, herald-ctl
create function herald.template_changes(
    template text, paths text[], contents text[], version integer default null)
returns table (path text, stored text, given text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_path text;
    v_content text;
begin
    perform herald.check_name('template', template);
    if cardinality(paths) = cardinality(contents) is not true or cardinality(paths) > 1000 then
        raise exception using errcode = '22023',
            message = 'paths and contents must be arrays of the same length, at most 1000 files';
    end if;
    for v_path, v_content in select f.path, f.content from unnest(paths, contents) f(path, content) loop
        perform herald.check_text('path', v_path, 255);
        if v_content is null then
            raise exception using errcode = '22004', message = format('%s/%s: content must not be null', template, v_path);
        end if;
        if octet_length(v_content) > 4194304 then
            raise exception using errcode = '54000',
                message = format('%s/%s is longer than 4194304 bytes', template, v_path);
        end if;
    end loop;
    if 'template.json' = any (paths) is not true then
        raise exception using errcode = '22023',
            message = format('template "%s" lacks the file template.json', template),
            hint = 'It may be {}: description, category and so on have defaults.';
    end if;
    if (select count(distinct p) from unnest(paths) p) <> cardinality(paths) then
        raise exception using errcode = '22023', message = format('template "%s": a path is given twice', template);
    end if;
    return query
    select coalesce(d.path, f.path), d.content, f.content
      from (select e.path, e.content
              from herald.template t, herald.notify_template_export(t.name, template_changes.version) e
             where t.name = template_changes.template) d
      full join (select g.path, herald.template_file(template_changes.template, g.path, g.content)
                   from unnest(paths, contents) g(path, content)) f(path, content) on f.path = d.path
     where d.content is distinct from f.content
     order by coalesce(d.path, f.path) collate "C";
end
$$;
comment on function herald.template_changes(text, text[], text[], integer) is
    'Files that differ between a template and a folder, with both contents';
