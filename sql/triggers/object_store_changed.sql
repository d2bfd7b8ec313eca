-- object_store_changed: tells the dispatchers to read the object store again, as a change of an account does.
-- Writes: nothing · Called by: a statement trigger on object_store
create trigger object_store_changed after insert or update or delete or truncate on herald.object_store
    for each statement execute function herald.provider_changed();
