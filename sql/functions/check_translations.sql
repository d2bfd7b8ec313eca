-- check_translations: refuses what is no object of texts, or of objects of them.
-- Parameters: source - part "translations"
-- Returns: nothing · Writes: nothing · Called by: notify_template_part
create function herald.check_translations(source text) returns void
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_document jsonb;
    v_problem jsonb;
begin
    begin
        v_document := source::jsonb;
    exception when invalid_text_representation or untranslatable_character then
        raise exception using errcode = '22023', message = 'translations are not valid JSON',
            hint = 'Write them like {"cart": {"items": {"one": "1 item", "other": "{{ count }} items"}}}.';
    end;
    perform herald.check_json('translations', v_document, 1048576, 16);
    v_problem := jsonb_path_query_first(v_document,
        'strict $.** ? (@.type() != "string" && @.type() != "object")');
    if v_problem is not null then
        raise exception using errcode = '22023', message = 'a translation must be a text',
            detail = format('One is %s.', left(v_problem::text, 64));
    end if;
end
$$;
comment on function herald.check_translations(text) is
    'Refuses translations that are no JSON object of texts, or of objects of them';
