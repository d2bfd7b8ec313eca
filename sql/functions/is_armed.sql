-- is_armed: whether dispatchers deliver from this database: the newest row of herald.armed names it and
-- its cluster. A copy by dump, template or another cluster does not match; a standby does.
-- Returns: true or false · Writes: nothing · Called by: dispatchers, health, arm, disarm
create function herald.is_armed() returns boolean
language c volatile security definer
set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'herald_is_armed_sql';
comment on function herald.is_armed() is 'Whether dispatchers deliver from this database';
