-- locale_chain: where a text for a locale is looked for, from the exact locale to the default.
-- Parameters: locale - as zh-Hant-TW, '' for the default
-- Returns: {zh-Hant-TW, zh-Hant, zh, ""} · Writes: nothing · Called by: template_sources
create function herald.locale_chain(locale text) returns text[]
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select array(select array_to_string(s.subtags[1:n.count], '-')
                   from string_to_array(locale, '-') s(subtags),
                        generate_series(cardinality(s.subtags), 1, -1) n(count)) || ''::text
$$;
comment on function herald.locale_chain(text) is
    'Where a text for a locale is looked for: the locale, each shorter one, the default';
