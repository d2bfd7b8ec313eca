-- route_countries: the countries that a route is for.
-- Parameters: match - in its normal form
-- Returns: those of "country", of "region", or that both have; null: any, even an unknown one
-- Writes: nothing · Called by: route_list, route_matches
create function herald.route_countries(match jsonb) returns text[]
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select case when match ?| array['country', 'region'] then array(
            select distinct c
              from herald.region_countries() r
             cross join unnest(r.countries) c
             where match -> 'region' ? r.region
               and (not match ? 'country' or match -> 'country' ? c)
             union
            select jsonb_array_elements_text(match -> 'country') where not match ? 'region'
             order by 1) end
$$;
comment on function herald.route_countries(jsonb) is 'Countries that a route is for; null: any';
