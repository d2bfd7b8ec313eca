-- template_file: a file of a template in the one form that export writes: JSON laid out alike with all its
-- members, a source with one newline behind it that is no part of it.
-- Parameters: template - for messages; path - inside the template's folder; content - of the file
-- Returns: the content in that form · Writes: nothing · Called by: notify_template_export, template_changes
create function herald.template_file(template text, path text, content text) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_locale text := substring(path from '^[^.]+\.[^.]+\.([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)\.(?:liquid|json)$');
    v_sources text[] := array(select herald.template_path(p.channel, p.part, v_locale) from herald.channel_parts() p);
    v_place text := format('%s/%s', template, path);
    v_value jsonb;
begin
    if path = any (v_sources) then
        return case when content like E'%\n' then content else content || E'\n' end;
    elsif path = 'template.json' then
        v_value := herald.template_file_json(v_place, content,
            '{"description": "", "category": null, "tags": [], "mode": "strict", "variables": {}}');
        v_value := v_value || jsonb_build_object('tags',
            array(select distinct tag from jsonb_array_elements_text(v_value -> 'tags') tag order by tag));
    elsif path ~ '^samples/[a-z0-9][a-z0-9_.-]*[.]json$' then
        v_value := herald.template_file_json(v_place, content,
            case when path not like '%.golden.json' then '{"locale": "", "data": {}}'::jsonb end);
    else
        perform herald.refuse_unknown(format('file of template "%s":', template), path,
                                      array['template.json', 'samples/sample.json'] || v_sources);
    end if;
    -- Line breaks stand between tokens only: within strings they are written \n.
    return regexp_replace(jsonb_pretty(v_value), '([[{])\n\s*([]}])', '\1\2', 'g') || E'\n';
end
$$;
comment on function herald.template_file(text, text, text) is
    'A file of a template in the form that export writes; refuses files that no template has';
