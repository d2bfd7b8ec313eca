-- route_list: the routes that a dispatcher follows.
-- Returns: enabled routes in the order in which they are tried, each with JSON lists: providers,
-- weights (null: none), countries, device_kinds, categories (null: any) and attributes (lists by
-- attribute, null: any) · Writes: nothing · Called by: dispatchers
create function herald.route_list()
returns table (name text, channel text, providers jsonb, weights jsonb, countries jsonb,
               device_kinds jsonb, categories jsonb, attributes jsonb)
language sql stable security definer rows 10
set search_path = pg_catalog, pg_temp
as $$
    select r.name, r.channel::text, to_jsonb(r.providers), to_jsonb(r.weights),
           to_jsonb(herald.route_countries(r.match)), r.match -> 'device_kind',
           r.match -> 'category', r.match -> 'attributes'
      from herald.route r
     where r.enabled
     order by r.position, r.name
$$;
comment on function herald.route_list() is 'Enabled routes in their order, for dispatchers';
