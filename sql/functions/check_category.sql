-- check_category: refuses the name of a category that does not exist.
-- Parameters: name
-- Returns: nothing · Writes: nothing · Called by: notify_template, notify_preference
create function herald.check_category(name text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform herald.check_text('category', name, 63);
    if not exists (select from herald.category c where c.name = check_category.name) then
        perform herald.refuse_unknown('category', name, array(select c.name from herald.category c));
    end if;
end
$$;
comment on function herald.check_category(text) is 'Refuses the name of a category that does not exist';
