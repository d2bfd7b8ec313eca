-- provider_report: a dispatcher says how its accounts do.
-- Parameters: epoch - of this dispatcher; providers - all its accounts; states, reasons, until_us (null:
--             no time), failures - of each
-- Returns: nothing · Writes: provider_state · Called by: dispatchers, when something changes
create function herald.provider_report(epoch bigint, providers text[], states text[], reasons text[],
                                       until_us bigint[], failures integer[])
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from herald.provider_state s
     where s.epoch = provider_report.epoch and s.provider <> all (providers);
    insert into herald.provider_state as s (provider, epoch, state, reason, since, until, failures)
    select u.provider, provider_report.epoch, u.state, u.reason, clock_timestamp(),
           herald.from_unix_us(u.until_us), u.failures
      from unnest(providers, states, reasons, until_us, failures)
           u(provider, state, reason, until_us, failures)
     where herald.dispatcher_alive(provider_report.epoch)
    on conflict on constraint provider_state_pkey do update
       set state = excluded.state, reason = excluded.reason, until = excluded.until,
           failures = excluded.failures,
           since = case when (s.state, s.reason) is not distinct from (excluded.state, excluded.reason)
                        then s.since else excluded.since end;
end
$$;
comment on function herald.provider_report(bigint, text[], text[], text[], bigint[], integer[]) is
    'A dispatcher says how its accounts do';
