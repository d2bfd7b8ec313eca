-- template_searched: the version of a template whose texts are searched.
-- Parameters: template
-- Returns: the published version, without one the latest, null when there is none · Writes: nothing
-- Called by: template_index, notify_template_search
create function herald.template_searched(template text) returns integer
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(t.published_version, (select max(v.version) from herald.template_version v
                                           where v.template = t.name))
      from herald.template t where t.name = template_searched.template
$$;
comment on function herald.template_searched(text) is 'The version of a template whose texts are searched';
