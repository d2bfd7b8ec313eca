-- notify_provider_remove: deletes an account. What is in flight ends; what is queued waits for another.
-- Parameters: name - of the account
-- Returns: whether there was one · Writes: provider, provider_state · Called by: operators
create function herald.notify_provider_remove(name text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform herald.check_text('name', name, 63);
    delete from herald.provider_state s where s.provider = notify_provider_remove.name;
    delete from herald.provider p where p.name = notify_provider_remove.name;
    return found;
end
$$;
comment on function herald.notify_provider_remove(text) is
    'Deletes an account at a third party; false when there is none';
