-- route_matches: whether a route is for a delivery. Dispatchers have the same rules,
-- dispatcher/delivery/rule.c.
-- Parameters: match - in its normal form; country - as recipient_country; device_kind - null elsewhere
--             than on channels of devices; category; attributes - of the recipient
-- Returns: whether all members hold · Writes: nothing · Called by: notify_route_explain
create function herald.route_matches(match jsonb, country text, device_kind text, category text,
                                     attributes jsonb)
returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(
        (herald.route_countries(match) is null or country = any (herald.route_countries(match)))
        and (not match ? 'device_kind' or match -> 'device_kind' ? device_kind)
        and (not match ? 'category' or match -> 'category' ? category)
        and not exists (
            select from jsonb_each(match -> 'attributes') m
             where not exists (select from jsonb_array_elements(m.value) v
                                where v::text = (attributes -> m.key)::text)), false)
$$;
comment on function herald.route_matches(jsonb, text, text, text, jsonb) is
    'Whether a route is for a delivery';
