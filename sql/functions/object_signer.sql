-- object_signer: the key that signs URLs of objects.
-- Returns: 32 bytes · Writes: nothing · Called by: object_url, render_template, herald-dispatcher
create function herald.object_signer() returns bytea
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
select k.key from herald.object_key k order by k.made_at, k.key limit 1
$$;
comment on function herald.object_signer() is 'The key that signs URLs of objects';
