-- notify_route: makes a route, or replaces it: which accounts deliver a channel to whom, in order.
-- Parameters: name; channel; providers - accounts in order of preference; match - whom it is for, {}:
--             everybody; position - routes are tried by it; weights - shares of recipients for which each
--             provider comes first, null: in order; enabled
-- Returns: nothing · Writes: route · Called by: operators
create function herald.notify_route(
    name text, channel text, providers text[], match jsonb default '{}', "position" integer default 100,
    weights integer[] default null, enabled boolean default true)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_channel herald.channel;
begin
    perform herald.check_name('name', name);
    v_channel := herald.check_channel(channel);
    perform herald.check_route_providers(v_channel, providers, weights);
    if "position" is null or enabled is null then
        raise exception using errcode = '22004', message = format('%s must not be null',
            case when enabled is null then 'enabled' else 'position' end);
    end if;
    if "position" not between 0 and 10000 then
        raise exception using errcode = '22023', message = 'position must lie between 0 and 10000',
            detail = format('It is %s.', "position");
    end if;
    insert into herald.route (name, channel, position, match, providers, weights, enabled)
    values (notify_route.name, v_channel, notify_route."position",
            herald.check_match(notify_route.match), notify_route.providers, notify_route.weights,
            notify_route.enabled)
    on conflict on constraint route_pkey do update
       set channel = excluded.channel, position = excluded.position, match = excluded.match,
           providers = excluded.providers, weights = excluded.weights, enabled = excluded.enabled,
           updated_at = excluded.updated_at;
end
$$;
comment on function herald.notify_route(text, text, text[], jsonb, integer, integer[], boolean) is
    'Makes a route, which accounts deliver a channel to whom in which order, or replaces it';
