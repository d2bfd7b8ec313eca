-- template_parts: the sources of a channel after falling back from the locale to its language to ''.
-- Parameters: template; version - null for the published one; channel; locale - '' for the default
-- Returns: one source a part · Writes: nothing · Called by: render_template, herald-dispatcher
create function herald.template_parts(template text, version integer, channel text, locale text)
returns table (part text, source text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select distinct on (p.part) p.part, p.source
      from herald.template_part p
     where p.template = template_parts.template
       and p.version = coalesce(template_parts.version,
                                (select t.published_version from herald.template t
                                  where t.name = template_parts.template))
       and p.channel = template_parts.channel::herald.channel
       and p.locale in (coalesce(template_parts.locale, ''),
                        split_part(template_parts.locale, '-', 1), '')
     order by p.part, length(p.locale) desc
$$;
comment on function herald.template_parts(text, integer, text, text) is
    'Sources of a template for one channel after the locale''s fallback, one row a part';
