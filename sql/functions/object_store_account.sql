-- object_store_account: the store of objects as dispatchers use it.
-- Returns: settings, with endpoint, region, bucket and prefix among them, and secrets; no row: there is none
-- Writes: nothing · Called by: herald-dispatcher
create function herald.object_store_account() returns table (settings jsonb, secrets jsonb)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
select o.settings || jsonb_strip_nulls(jsonb_build_object(
           'endpoint', o.endpoint, 'region', o.region, 'bucket', o.bucket, 'prefix', nullif(o.prefix, ''))),
       o.secrets
  from herald.object_store o
$$;
comment on function herald.object_store_account() is 'Settings and secrets of the store of objects';
