-- check_match_names: refuses what are no names in a member of what a route matches.
-- Parameters: member - country, region, device_kind or category; value - a name or a list of them;
--             known - names that exist, null: any country
-- Returns: a list, countries and regions in capitals · Writes: nothing · Called by: check_match
create function herald.check_match_names(member text, value jsonb, known text[]) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_list constant jsonb := herald.check_match_list('match.' || member, value);
    v_name text;
    v_names text[] := '{}';
begin
    if exists (select from jsonb_array_elements(v_list) v where jsonb_typeof(v) <> 'string') then
        raise exception using errcode = '22023', message = format('match.%s must hold texts', member);
    end if;
    for v_name in select jsonb_array_elements_text(v_list) loop
        if member in ('country', 'region') then
            v_name := upper(v_name collate "C");
        end if;
        if known is null and v_name !~ '^[A-Z]{2}$' then
            raise exception using errcode = '22023',
                message = 'match.country is not an ISO 3166 code',
                detail = format('It begins with %s.', to_json(left(v_name, 64))),
                hint = 'Write two letters, like "DE"; "EU" and the like are a region.';
        elsif v_name <> all (known) then
            perform herald.refuse_unknown(member, v_name, known);
        end if;
        v_names := v_names || v_name;
    end loop;
    return to_jsonb(v_names);
end
$$;
comment on function herald.check_match_names(text, jsonb, text[]) is
    'A list of names in what a route matches; refuses unknown ones';
