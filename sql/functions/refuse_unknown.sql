-- refuse_unknown: raises "unknown WHAT" with the nearest known name as hint.
-- Parameters: what - kind of thing; name - as given; known - names that exist
-- Returns: never · Writes: nothing · Called by: functions that look names up
create function herald.refuse_unknown(what text, name text, known text[]) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception using errcode = '22023',
        message = format('unknown %s "%s"', what, left(name, 64)),
        hint = coalesce('Did you mean "' || herald.nearest_name(name, known) || '"?',
                        case when cardinality(known) between 1 and 20
                             then format('Known: %s.', array_to_string(known, ', ')) end,
                        format('There is no %s of a similar name.', what));
end
$$;
comment on function herald.refuse_unknown(text, text, text[]) is
    'Raises 22023 "unknown …" with the nearest known name as hint';
