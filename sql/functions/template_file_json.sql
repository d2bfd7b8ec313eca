-- template_file_json: reads a JSON file of a template.
-- Parameters: place - of the file, for messages; content - of the file; defaults - the members it may have
--             with their values when they are left out, null: any
-- Returns: an object with all members · Writes: nothing · Called by: template_file
create function herald.template_file_json(place text, content text, defaults jsonb) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_value jsonb;
    v_key text;
    v_detail text;
    v_context text;
begin
    begin
        v_value := content::jsonb;
    exception when data_exception or program_limit_exceeded then
        get stacked diagnostics v_detail = pg_exception_detail, v_context = pg_exception_context;
        raise exception using errcode = '22023', detail = v_detail,
            message = concat_ws(': ', place, 'line ' || substring(v_context from 'JSON data, line (\d+)'), sqlerrm);
    end;
    perform herald.check_json(place, v_value, 4194304, 64);
    for v_key in select key from jsonb_object_keys(v_value) key where defaults is not null loop
        if not defaults ? v_key then
            perform herald.refuse_unknown(format('member of %s:', place), v_key,
                                          array(select jsonb_object_keys(defaults)));
        end if;
        -- What is null unless it is given is a text.
        if jsonb_typeof(v_value -> v_key) not in (jsonb_typeof(defaults -> v_key),
               coalesce(nullif(jsonb_typeof(defaults -> v_key), 'null'), 'string'))
        then
            raise exception using errcode = '22023',
                message = format('%s: "%s" must not be of type %s', place, v_key, jsonb_typeof(v_value -> v_key));
        end if;
    end loop;
    return coalesce(defaults, '{}') || v_value;
end
$$;
comment on function herald.template_file_json(text, text, jsonb) is
    'Reads a JSON file of a template; refuses unknown members and wrong types';
