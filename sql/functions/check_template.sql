-- check_template: refuses the name of a template that does not exist.
-- Parameters: name
-- Returns: nothing · Writes: nothing · Called by: functions that take a template
create function herald.check_template(name text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform herald.check_text('template', name, 63);
    if not exists (select from herald.template t where t.name = check_template.name) then
        perform herald.refuse_unknown('template', name, array(select t.name from herald.template t));
    end if;
end
$$;
comment on function herald.check_template(text) is 'Refuses the name of a template that does not exist';
