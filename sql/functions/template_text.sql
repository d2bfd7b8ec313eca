-- template_text: what a template says, for searching.
-- Parameters: template; version
-- Returns: the beginning of its sources, one after the other · Writes: nothing
-- Called by: template_index, notify_template_search
create function herald.template_text(template text, version integer) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select left(string_agg(p.source, E'\n' order by p.channel, p.locale, p.part), 100000)
      from (select p.channel, p.locale, p.part, left(p.source, 100000) as source
              from herald.template_part p
             where p.template = template_text.template and p.version = template_text.version
             order by p.channel, p.locale, p.part limit 100) p
$$;
comment on function herald.template_text(text, integer) is 'What a template says, for searching';
