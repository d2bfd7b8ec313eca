-- check_match_attributes: refuses what no route can match among a recipient's attributes.
-- Parameters: attributes - values, or lists of them, by attribute
-- Returns: lists by attribute · Writes: nothing · Called by: check_match
create function herald.check_match_attributes(attributes jsonb) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_key text;
    v_value jsonb;
    v_lists jsonb := '{}';
begin
    if jsonb_typeof(attributes) <> 'object' then
        raise exception using errcode = '22023', message = 'match.attributes must be an object';
    end if;
    for v_key, v_value in select key, value from jsonb_each(attributes) loop
        v_lists := v_lists || jsonb_build_object(v_key, herald.check_match_list(
            format('match.attributes.%s', left(v_key, 64)), v_value));
    end loop;
    if v_lists = '{}' or (select count(*) > 16 from jsonb_object_keys(v_lists)) then
        raise exception using errcode = '22023',
            message = 'match.attributes must name between 1 and 16 attributes';
    end if;
    return v_lists;
end
$$;
comment on function herald.check_match_attributes(jsonb) is
    'Refuses what no route can match among attributes; returns lists by attribute';
