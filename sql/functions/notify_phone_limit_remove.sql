-- notify_phone_limit_remove: lifts a limit for phone numbers.
-- Parameters: name - of the limit
-- Returns: whether there was one · Writes: phone_limit, phone_usage · Called by: operators
create function herald.notify_phone_limit_remove(name text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform herald.check_text('name', name, 63);
    delete from herald.phone_usage u where u.phone_limit = notify_phone_limit_remove.name;
    delete from herald.phone_limit l where l.name = notify_phone_limit_remove.name;
    return found;
end
$$;
comment on function herald.notify_phone_limit_remove(text) is
    'Lifts a limit for phone numbers; false when there is none';
