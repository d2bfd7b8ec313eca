-- provider_list: the accounts a dispatcher serves.
-- Returns: enabled accounts, lowest rank first · Writes: nothing · Called by: herald-dispatcher
create function herald.provider_list()
returns table (name text, kind text, channel text, settings jsonb, secrets jsonb, rank integer,
               concurrency integer)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select p.name, p.kind, p.channel::text, p.settings, p.secrets, p.rank, p.concurrency
      from herald.provider p
     where p.enabled
     order by p.channel, p.rank, p.name
$$;
comment on function herald.provider_list() is 'Enabled accounts at third parties, for dispatchers';
