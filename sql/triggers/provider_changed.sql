-- provider_changed: tells the dispatchers to read accounts, routes and the object store again.
-- Writes: nothing · Called by: statement triggers on provider, route and object_store
create function herald.provider_changed() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_notify('herald_config', '');
    return null;
end
$$;
comment on function herald.provider_changed() is 'Notifies channel herald_config';
create trigger provider_changed after insert or update or delete or truncate on herald.provider
    for each statement execute function herald.provider_changed();
