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
    v_created boolean;
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
    v_created := found;
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
    select jsonb_object_agg(c.field, jsonb_build_array(c.old, c.new)) into v_changes
      from (values ('description', to_jsonb(v_old.description), to_jsonb(v_new.description)),
                   ('category', to_jsonb(v_old.category), to_jsonb(v_new.category)),
                   ('tags', to_jsonb(v_old.tags), to_jsonb(v_new.tags)),
                   ('mode', to_jsonb(v_old.mode), to_jsonb(v_new.mode))) c(field, old, new)
     where c.old is distinct from c.new;
    if v_created or v_changes is not null then
        perform herald.template_log(name, null, case when v_created then 'create' else 'change' end,
                                    coalesce(v_changes, '{}'));
    end if;
end
$$;
comment on function herald.notify_template(text, text, text, text[], text) is
    'Makes a template or changes its description, category, tags and mode';
