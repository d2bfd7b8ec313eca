-- check_provider: refuses the name of an account that does not exist.
-- Parameters: name
-- Returns: nothing · Writes: nothing · Called by: notify_provider_pause, notify_provider_resume
create function herald.check_provider(name text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform herald.check_text('name', name, 63);
    if not exists (select from herald.provider p where p.name = check_provider.name) then
        perform herald.refuse_unknown('provider', name, array(select p.name from herald.provider p));
    end if;
end
$$;
comment on function herald.check_provider(text) is 'Refuses the name of an account that does not exist';
