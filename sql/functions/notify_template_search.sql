-- notify_template_search: templates by the words of their name, tags, description and published texts.
-- Parameters: query - words, "phrases", or, -not; the last word may be the beginning of one
-- Returns: at most 100 templates that the caller may read, the best first · Writes: nothing
-- Called by: operators, authors
create function herald.notify_template_search(query text)
returns table (name text, description text, tags text[], rank real, headline text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set client_min_messages = warning -- no notice of queries without words
as $$
declare
    v_query tsquery;
begin
    perform herald.check_text('query', query, 1000);
    v_query := herald.search_query(query);
    return query
        select f.name, f.description, f.tags, f.rank,
               ts_headline('simple', left(concat_ws(E'\n', nullif(f.description, ''),
                               herald.template_text(f.name, herald.template_searched(f.name))), 20000), v_query,
                           'StartSel=**, StopSel=**, MaxFragments=2, MaxWords=12, MinWords=4')
          from (select t.name, t.description, t.tags, ts_rank(t.search, v_query) as rank
                  from herald.template t
                 where t.search @@ v_query and herald.has_template_privilege(t.name)
                 order by rank desc, t.name limit 100) f
         order by f.rank desc, f.name;
end
$$;
comment on function herald.notify_template_search(text) is
    'Templates by the words of their name, tags, description and texts, the best first';
