-- check_match_list: refuses what is neither a plain value nor a list of some, in what a route matches.
-- Parameters: field - name for messages; value - as given
-- Returns: a list of texts, whole numbers and booleans · Writes: nothing
-- Called by: check_match, check_match_attributes
create function herald.check_match_list(field text, value jsonb) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_list constant jsonb :=
        case when jsonb_typeof(value) = 'array' then value else jsonb_build_array(value) end;
begin
    if jsonb_array_length(v_list) not between 1 and 300 then
        raise exception using errcode = '22023',
            message = format('%s must hold between 1 and 300 values', field),
            detail = format('It holds %s.', jsonb_array_length(v_list)),
            hint = 'Leave it out to match everybody.';
    end if;
    if exists (select from jsonb_array_elements(v_list) v
                where jsonb_typeof(v) not in ('string', 'boolean')
                  and (jsonb_typeof(v) <> 'number' or v::text !~ '^-?[0-9]{1,15}$')) then
        raise exception using errcode = '22023',
            message = format('%s must be a text, a whole number, true, false or a list of them', field),
            hint = 'Numbers have at most 15 digits.';
    end if;
    return v_list;
end
$$;
comment on function herald.check_match_list(text, jsonb) is
    'A list of plain values in what a route matches; refuses anything else';
