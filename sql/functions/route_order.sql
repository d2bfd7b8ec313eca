-- route_order: in which order a route tries its providers for a recipient. Dispatchers have the same
-- rules, dispatcher/delivery/rule.c.
-- Parameters: providers, weights - of the route; recipient
-- Returns: place of each provider, from 0; with weights the first one is drawn by the recipient's
-- bucket in proportion to them, the others follow in order · Writes: nothing
-- Called by: notify_route_explain
create function herald.route_order(providers text[], weights integer[], recipient text)
returns table (provider text, place integer)
language sql immutable rows 4
set search_path = pg_catalog, pg_temp
as $$
    with shares as (
        select u.provider, u.n, sum(u.weight) over (order by u.n) as upto, sum(u.weight) over () as total
          from unnest(providers, weights) with ordinality u(provider, weight, n))
    select s.provider,
           case when s.n = (select min(f.n) from shares f
                             where f.upto > herald.bucket(recipient) * f.total / 4096)
                then 0 else s.n end::integer
      from shares s
$$;
comment on function herald.route_order(text[], integer[], text) is
    'In which order a route tries its providers for a recipient';
