-- search_query: what somebody typed into a search, as a query. The last word may be the beginning of one.
-- Parameters: query - words, "phrases", or, -not
-- Returns: the query · Writes: nothing · Called by: notify_template_search
create function herald.search_query(query text) returns tsquery
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    -- Names are searched by their words, so a hyphen inside one separates.
    select case when query ~ '[^\s"]$' and q::text ~ '''$' and q::text !~ '!''([^'']|'''')*''$'
                then (q::text || ':*')::tsquery
                else q end
      from websearch_to_tsquery('simple', regexp_replace(query, '(\w)-(?=\w)', '\1 ', 'g')) q
$$;
comment on function herald.search_query(text) is
    'What somebody typed into a search as a query; the last word may be the beginning of one';
