-- notify_template_diff: what changed between two versions of a template.
-- Parameters: template; a - null: the published version, nothing when none is; b - null: the latest version,
--             a draft included
-- Returns: for each part that differs the lines of a unified difference; the declared variables are part
--          "variables" of no channel · Writes: nothing · Called by: operators, authors
create function herald.notify_template_diff(template text, a integer default null, b integer default null)
returns table (channel text, locale text, part text, line text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_a integer := a;
    v_b integer;
begin
    perform herald.check_template_privilege(template);
    perform herald.check_template(template);
    v_b := herald.template_latest(template, b);
    if a is null then
        select t.published_version into v_a
          from herald.template t where t.name = notify_template_diff.template;
    else
        perform herald.template_latest(template, a);
    end if;
    return query
        with part as (
            select p.version, p.channel::text, p.locale, p.part, p.source
              from herald.template_part p
             where p.template = notify_template_diff.template and p.version in (v_a, v_b)
            union all
            select v.version, '', '', 'variables', jsonb_pretty(v.variables)
              from herald.template_version v
             where v.template = notify_template_diff.template and v.version in (v_a, v_b)
               and v.variables <> '{}')
        select nullif(p.channel, ''), p.locale, p.part, d.line
          from (select coalesce(o.channel, n.channel) as channel, coalesce(o.locale, n.locale) as locale,
                       coalesce(o.part, n.part) as part, o.source as old, n.source as new
                  from (select * from part where version = v_a) o
                  full join (select * from part where version = v_b) n using (channel, locale, part)) p,
               lateral (
                   select 0 as place, format('--- %s', case when p.old is null then '/dev/null'
                              else format('%s version %s', template, v_a) end) as line
                   union all
                   select 1, format('+++ %s', case when p.new is null then '/dev/null'
                              else format('%s version %s', template, v_b) end)
                   union all
                   select 1 + l.place, l.line
                     from herald.text_diff(coalesce(p.old, ''), coalesce(p.new, ''))
                          with ordinality l(line, place)) d
         where p.old is distinct from p.new
         order by p.channel, p.locale, p.part, d.place;
end
$$;
comment on function herald.notify_template_diff(text, integer, integer) is
    'What changed between two versions of a template, a unified difference for each part';
