-- notify_template_release: makes the latest versions of templates what sends use: publishes drafts, puts
-- versions back that were rolled back, and publishes anew what uses another version of a shared template
-- than is current. What others use comes first.
-- Parameters: templates; comment - of the versions that are published
-- Returns: nothing · Writes: what notify_template_publish and notify_template_rollback write
-- Called by: notify_template_import, herald-ctl, operators, authors
create function herald.notify_template_release(templates text[], comment text default '') returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_template text;
    v_latest herald.template_version;
    v_current integer;
begin
    for v_template in
        with recursive latest as (
            select v.template, max(v.version) as version from herald.template_version v group by v.template),
        need(template, used) as (
            select p.template, u.used
              from latest l
              join herald.template_part p using (template, version)
                   cross join lateral unnest(p.uses) u(used)
             where l.template = any (templates)
            union
            select n.template, u.used
              from need n
              join latest l on l.template = n.used
              join herald.template_part p
                on p.template = l.template and p.version = l.version and p.channel = 'shared'
                   cross join lateral unnest(p.uses) u(used))
        select t.name
          from unnest(templates) t(name)
          left join need n on n.template = t.name
         group by t.name
         order by t.name <> 'translations', count(n.used), t.name
    loop
        perform herald.check_template_privilege(v_template, 'publish');
        perform herald.check_template(v_template);
        select t.published_version into v_current from herald.template t where t.name = v_template for update;
        select v.* into v_latest from herald.template_version v
         where v.template = v_template order by v.version desc limit 1;
        if v_latest.version is null then
            continue;
        elsif v_latest.published_at is null then
            perform herald.notify_template_publish(v_template, comment);
        elsif v_latest.version <> v_current then
            perform herald.notify_template_rollback(v_template, v_latest.version);
        end if;
        if exists (select from herald.template_dependency d
                    where d.template = v_template and d.current and d.outdated)
        then
            perform herald.template_draft(v_template);
            perform herald.notify_template_publish(v_template, comment);
        end if;
    end loop;
end
$$;
comment on function herald.notify_template_release(text[], text) is
    'Makes the latest versions of templates, and of what they use, the ones that sends use';
