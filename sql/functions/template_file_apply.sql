-- template_file_apply: makes one file of a template what the folder says.
-- Parameters: template, path; content - in the form of template_file, null removes
-- Returns: nothing; errors name the file · Writes: what the functions write that it calls
-- Called by: notify_template_import
create function herald.template_file_apply(template text, path text, content text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_words text[] := string_to_array(path, '.');
    v_sample text := regexp_replace(path, '^samples/|([.]golden)?[.]json$', '', 'g');
    v_value jsonb;
    v_detail text;
    v_hint text;
begin
    if path = 'template.json' then
        v_value := content;
        perform herald.notify_template(template, v_value ->> 'description', v_value ->> 'category',
                                       array(select jsonb_array_elements_text(v_value -> 'tags')), v_value ->> 'mode');
        -- What belongs to no version must not begin a draft.
        if v_value -> 'variables' <> coalesce((select v.variables from herald.template_version v
                                                where v.template = template_file_apply.template
                                                order by v.version desc limit 1), '{}')
        then
            perform herald.notify_template_variables(template, v_value -> 'variables');
        end if;
    elsif path like 'samples/%.golden.json' then
        if content is not null then
            perform herald.sample_find(template, v_sample);
        end if;
        perform herald.template_golden(template, null, v_sample, content::jsonb);
    elsif path like 'samples/%' then
        v_value := content;
        perform herald.notify_template_sample(template, v_value -> 'data', v_sample, coalesce(v_value ->> 'locale', ''));
    else
        perform herald.notify_template_part(template, v_words[1], v_words[2], left(content, -1),
                                            case cardinality(v_words) when 4 then v_words[3] else '' end);
    end if;
exception when others then
    get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
    raise exception using errcode = sqlstate, detail = v_detail, hint = v_hint,
        message = format('%s/%s: %s', template, path, regexp_replace(sqlerrm, '^part \w+: ', ''));
end
$$;
comment on function herald.template_file_apply(text, text, text) is
    'Makes one file of a template what a folder says; errors name the file';
