-- release: gives claims back without an attempt; the number of the attempt stays raised.
-- Parameters: epoch, leaves, ids, attempts - as claimed
-- Returns: how many were still held · Writes: outbox · Called by: dispatchers
create function herald.release(epoch bigint, leaves integer[], ids uuid[], attempts integer[])
returns integer
language c volatile security definer
set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'herald_release';
comment on function herald.release(bigint, integer[], uuid[], integer[]) is
    'Gives claims back without an attempt';
