-- id_time: the millisecond in which an id was made.
-- Parameters: id
-- Returns: its time, null when it is no UUIDv7 · Writes: nothing · Called by: people, partitions
create function herald.id_time(id uuid) returns timestamptz
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'herald_id_time_sql';
comment on function herald.id_time(uuid) is 'Time in an id, null when it is no UUIDv7';
