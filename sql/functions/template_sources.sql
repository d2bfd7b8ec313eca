-- template_sources: all that is needed to render a channel in a locale. Each source is looked for in the
-- locale, then in each shorter one, then in ''.
-- Parameters: template; version; channel; locale - '' for the default
-- Returns: kind, name, source: "mode" (name strict or lax), "tracking_url" and "object_base_url" (name the URL), "translations" (name of the template, by
--          precedence), "shared" (by name), "part" (its name), in this order
-- Writes: nothing · Called by: render_template, herald-dispatcher
create function herald.template_sources(template text, version integer, channel text, locale text)
returns table (kind text, name text, source text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    with places as (
        select l.locale, l.rank
          from unnest(herald.locale_chain(template_sources.locale)) with ordinality l(locale, rank)),
    shared(name, version) as (
        select c.used, c.used_version
          from herald.template_closure(template_sources.template, template_sources.version) c
        union
        select template_sources.template, template_sources.version)
    select 'mode', coalesce(v.mode, t.mode), ''
      from herald.template t
      join herald.template_version v on v.template = t.name
     where t.name = template_sources.template and v.version = template_sources.version
    union all
    select u.kind, u.url, ''
      from herald.template_version v
     cross join lateral (values
           ('tracking_url', coalesce(v.tracking_url, herald.setting_value('tracking_url'))),
           ('object_base_url', coalesce(v.object_base_url, herald.setting_value('object_base_url')))) u(kind, url)
     where v.template = template_sources.template and v.version = template_sources.version
    union all
    (select p.part, p.template, p.source
       from shared s
       join herald.template_part p
         on p.template = s.name and p.version = s.version and p.channel = 'shared'
       join places l using (locale)
      where p.part = 'translations'
      order by p.template <> template_sources.template, p.template = 'translations', p.template, l.rank)
    union all
    (select distinct on (p.template) 'shared', p.template, p.source
       from shared s
       join herald.template_part p
         on p.template = s.name and p.version = s.version and p.channel = 'shared'
       join places l using (locale)
      where p.part = 'body'
      order by p.template, l.rank)
    union all
    (select distinct on (p.part) 'part', p.part, p.source
       from herald.template_part p
       join places l using (locale)
      where p.template = template_sources.template and p.version = template_sources.version
        and p.channel = template_sources.channel and p.part <> 'translations'
      order by p.part, l.rank)
$$;
comment on function herald.template_sources(text, integer, text, text) is
    'All that a template is rendered from for one channel and locale: mode, translations, shared ones, parts';
