-- provider_list: the accounts a dispatcher serves.
-- Returns: enabled accounts, lowest rank first; pause_ms - how long somebody paused it from now, -1: until
-- it is resumed, null: not at all · Writes: nothing · Called by: herald-dispatcher
create function herald.provider_list()
returns table (name text, kind text, channel text, settings jsonb, secrets jsonb, rank integer,
               concurrency integer, pause_ms bigint)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select p.name, p.kind, p.channel::text, p.settings, p.secrets, p.rank, p.concurrency,
           case when p.paused_at is null or p.paused_until <= clock_timestamp() then null
                when p.paused_until is null then -1
                else ceil(extract(epoch from p.paused_until - clock_timestamp()) * 1000)::bigint end
      from herald.provider p
     where p.enabled
     order by p.channel, p.rank, p.name
$$;
comment on function herald.provider_list() is 'Enabled accounts at third parties, for dispatchers';
