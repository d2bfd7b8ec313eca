-- template_closure: the shared templates that a version is rendered with: those that a published version
-- was made with, and for a draft the ones that are published now. Template "translations" is always one.
-- Parameters: template; version
-- Returns: name and version of each, used_version null where there is none · Writes: nothing
-- Called by: notify_template_publish, template_sources
create function herald.template_closure(template text, version integer)
returns table (used text, used_version integer)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from herald.template_version v
                where v.template = template_closure.template and v.version = template_closure.version
                  and v.published_at is not null)
    then
        return query
            select u.used, u.used_version from herald.template_use u
             where u.template = template_closure.template and u.version = template_closure.version;
        return;
    end if;
    return query
        with recursive shared as (
            select s.name, s.version
              from (select t.name, case when t.name = template_closure.template
                                        then template_closure.version else t.published_version end as version
                      from herald.template t) s
             where exists (select from herald.template_part p
                            where p.template = s.name and p.version = s.version and p.channel = 'shared')),
        named(name) as (
            select unnest(p.uses) from herald.template_part p
             where p.template = template_closure.template and p.version = template_closure.version
            union
            select s.name from shared s where s.name = 'translations'
            union
            select unnest(p.uses)
              from named u
              join shared s on s.name = u.name
              join herald.template_part p
                on p.template = s.name and p.version = s.version and p.channel = 'shared')
        select u.name, s.version from named u left join shared s on s.name = u.name;
end
$$;
comment on function herald.template_closure(text, integer) is
    'The shared templates that a version of a template is rendered with';
