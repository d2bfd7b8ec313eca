-- route_changed: tells the dispatchers to read the routes again, as a change of an account does.
-- Writes: nothing · Called by: a statement trigger on route
create trigger route_changed after insert or update or delete or truncate on herald.route
    for each statement execute function herald.provider_changed();
