-- notify_template: makes a template or changes what describes it; texts: notify_template_part.
-- Parameters: name; description; category - of sends that name none; tags - null: as they are;
--             mode - strict: an unknown variable is an error, lax: it is empty; of the next published
--             version; null: as it is
-- Returns: nothing · Writes: template, template_history · Called by: operators, authors
create function herald.notify_template(
    name text, description text default '', category text default null, tags text[] default null,
    mode text default null)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_old herald.template;
    v_new herald.template;
    v_changes jsonb;
begin
    perform herald.check_template_privilege(name, 'edit');
    perform herald.check_name('name', name);
    perform herald.check_description(description);
    if category is not null then
        perform herald.check_category(category);
    end if;
    perform herald.check_tags(tags);
    perform herald.check_mode(mode);

    insert into herald.template (name) values (notify_template.name) on conflict do nothing;
    if found then
        perform herald.template_log(name, null, 'create');
    end if;
    select t.* into v_old from herald.template t where t.name = notify_template.name for update;
    update herald.template t
       set description = notify_template.description, category = notify_template.category,
           tags = case when notify_template.tags is null then t.tags
                       else array(select distinct tag from unnest(notify_template.tags) tag order by tag) end,
           mode = coalesce(notify_template.mode, t.mode), updated_at = now()
     where t.name = notify_template.name
    returning t.* into v_new;
    -- It acts at once, without a new version.
    if v_old.published_version is not null and v_old.category is distinct from v_new.category then
        perform herald.check_template_privilege(name, 'publish');
    end if;
    perform herald.template_index(name);
    select jsonb_object_agg(n.key, jsonb_build_array(o.value, n.value)) into v_changes
      from jsonb_each(to_jsonb(v_new)) n join jsonb_each(to_jsonb(v_old)) o using (key)
     where n.key in ('description', 'category', 'tags', 'mode') and n.value <> o.value;
    if v_changes is not null then
        perform herald.template_log(name, null, 'change', v_changes);
    end if;
end
$$;
comment on function herald.notify_template(text, text, text, text[], text) is
    'Makes a template or changes its description, category, tags and mode';
