-- provider_changed: tells the dispatchers to read accounts and routes again.
-- Writes: nothing · Called by: statement triggers on provider and route
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
