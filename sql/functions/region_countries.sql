-- region_countries: the countries of the regions that a route can name.
-- Returns: region and its ISO 3166 codes · Writes: nothing · Called by: check_match, route_countries
create function herald.region_countries() returns table (region text, countries text[])
language sql immutable parallel safe rows 2
set search_path = pg_catalog, pg_temp
as $$
    select r.region, regexp_split_to_array(r.countries, ' ')
      from (values
            ('EU', 'AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK'),
            ('EEA', 'AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK'))
           r(region, countries)
$$;
comment on function herald.region_countries() is 'Regions that routes can name, with their countries';
