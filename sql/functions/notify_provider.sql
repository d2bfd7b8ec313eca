-- notify_provider: configures an account at a third party, or replaces its configuration.
-- Parameters: name - of the account; kind - names the code; channel; settings - strings, numbers and
--             booleans; secrets - references env:NAME or file:/path; rank - the lowest that can serve is
--             used; concurrency - requests in flight, of all dispatchers together; enabled; cost - of a
--             message, in currency, an ISO 4217 code; null: unknown
-- Returns: nothing · Writes: provider · Called by: operators
create function herald.notify_provider(
    name text, kind text, channel text, settings jsonb default '{}', secrets jsonb default '{}',
    rank integer default 100, concurrency integer default 100, enabled boolean default true,
    cost numeric default null, currency text default null)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_channel herald.channel;
begin
    perform herald.check_name('name', name);
    perform herald.check_text('kind', kind, 255);
    if kind !~ '^[a-z0-9_]{1,32}$' then
        raise exception using errcode = '22023',
            message = 'kind is not a valid name',
            detail = format('It is "%s".', left(kind, 64)),
            hint = 'herald-dispatcher --list-providers lists the kinds.';
    end if;
    v_channel := herald.check_channel(channel);
    perform herald.check_provider_settings(settings);
    perform herald.check_provider_secrets(secrets);
    if rank is null or concurrency is null or enabled is null then
        raise exception using errcode = '22004', message = format('%s must not be null',
            case when rank is null then 'rank' when enabled is null then 'enabled' else 'concurrency' end);
    end if;
    if rank not between 0 and 10000 then
        raise exception using errcode = '22023', message = 'rank must lie between 0 and 10000',
            detail = format('It is %s.', rank);
    end if;
    if concurrency not between 1 and 10000 then
        raise exception using errcode = '22023', message = 'concurrency must lie between 1 and 10000',
            detail = format('It is %s.', concurrency);
    end if;
    perform herald.check_cost(cost, currency);
    insert into herald.provider (name, kind, channel, settings, secrets, rank, concurrency, enabled,
                                 cost, currency)
    values (notify_provider.name, notify_provider.kind, v_channel, notify_provider.settings,
            notify_provider.secrets, notify_provider.rank, notify_provider.concurrency,
            notify_provider.enabled, notify_provider.cost, notify_provider.currency)
    on conflict on constraint provider_pkey do update
       set kind = excluded.kind, channel = excluded.channel, settings = excluded.settings,
           secrets = excluded.secrets, rank = excluded.rank, concurrency = excluded.concurrency,
           enabled = excluded.enabled, cost = excluded.cost, currency = excluded.currency,
           updated_at = excluded.updated_at;
end
$$;
comment on function herald.notify_provider(text, text, text, jsonb, jsonb, integer, integer, boolean,
                                   numeric, text) is
    'Configures an account at a third party or replaces its configuration';
