-- check_route_providers: refuses providers that a route cannot have, and weights that do not fit them.
-- Parameters: channel - of the route; providers; weights - null: none
-- Returns: nothing · Writes: nothing · Called by: notify_route
create function herald.check_route_providers(channel herald.channel, providers text[], weights integer[])
returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_provider text;
    v_channel herald.channel;
begin
    if providers is null then
        raise exception using errcode = '22004', message = 'providers must not be null';
    end if;
    if cardinality(providers) not between 1 and 16
       or cardinality(providers) <> (select count(distinct p) from unnest(providers) p) then
        raise exception using errcode = '22023',
            message = 'providers must name between 1 and 16 accounts, each once';
    end if;
    foreach v_provider in array providers loop
        select p.channel into v_channel from herald.provider p where p.name = v_provider;
        if v_channel is null then
            perform herald.refuse_unknown('provider', v_provider, array(
                select p.name from herald.provider p where p.channel = check_route_providers.channel));
        elsif v_channel <> channel then
            raise exception using errcode = '22023',
                message = format('provider "%s" serves channel %s, not %s', v_provider, v_channel, channel);
        end if;
    end loop;
    if cardinality(weights) <> cardinality(providers)
       or exists (select from unnest(weights) w where (w between 0 and 1000) is not true)
       or (select sum(w) from unnest(weights) w) = 0 then
        raise exception using errcode = '22023',
            message = 'weights must be one number between 0 and 1000 for each provider, not all 0',
            hint = 'Null stands for the order alone.';
    end if;
end
$$;
comment on function herald.check_route_providers(herald.channel, text[], integer[]) is
    'Refuses providers that a route cannot have, and weights that do not fit them';
