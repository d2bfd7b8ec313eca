-- notify_route_remove: deletes a route.
-- Parameters: name - of the route
-- Returns: whether there was one · Writes: route · Called by: operators
create function herald.notify_route_remove(name text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform herald.check_text('name', name, 63);
    delete from herald.route r where r.name = notify_route_remove.name;
    return found;
end
$$;
comment on function herald.notify_route_remove(text) is 'Deletes a route; false when there is none';
