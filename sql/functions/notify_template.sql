-- notify_template: makes a template or changes its description and category; texts: notify_template_part.
-- Parameters: name; description; category - of sends that name none
-- Returns: nothing · Writes: template · Called by: operators
create function herald.notify_template(
    name text, description text default '', category text default null)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform herald.check_name('name', name);
    perform herald.check_description(description);
    if category is not null then
        perform herald.check_category(category);
    end if;
    insert into herald.template (name, description, category)
    values (notify_template.name, notify_template.description, notify_template.category)
    on conflict on constraint template_pkey do update
       set description = excluded.description, category = excluded.category,
           updated_at = excluded.updated_at;
end
$$;
comment on function herald.notify_template(text, text, text) is
    'Makes a template or changes its description and category';
