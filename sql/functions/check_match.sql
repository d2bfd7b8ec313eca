-- check_match: refuses what no route can match, and brings the rest into its normal form.
-- Parameters: match - as given
-- Returns: the same with lists in place of single values, codes of countries and regions in capitals
-- Writes: nothing · Called by: notify_route
create function herald.check_match(match jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_members constant text[] := array['country', 'region', 'device_kind', 'category', 'attributes'];
    v_key text;
    v_value jsonb;
    v_match jsonb := '{}';
begin
    perform herald.check_json('match', match, 65536, 3);
    for v_key, v_value in select key, value from jsonb_each(match) loop
        if v_key <> all (v_members) then
            perform herald.refuse_unknown('member of match', v_key, v_members);
        end if;
        v_match := v_match || jsonb_build_object(v_key,
            case v_key
                when 'country' then herald.check_match_names(v_key, v_value, null)
                when 'region' then herald.check_match_names(v_key, v_value,
                    array(select r.region from herald.region_countries() r))
                when 'device_kind' then herald.check_match_names(v_key, v_value,
                    enum_range(null::herald.device_kind)::text[])
                when 'category' then herald.check_match_names(v_key, v_value,
                    array(select c.name from herald.category c))
                else herald.check_match_attributes(v_value) end);
    end loop;
    return v_match;
end
$$;
comment on function herald.check_match(jsonb) is 'Refuses what no route can match; returns the normal form';
