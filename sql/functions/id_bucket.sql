-- id_bucket: the bucket in an id.
-- Parameters: id
-- Returns: its bucket, null when it is no UUIDv7 · Writes: nothing
-- Called by: functions that look a row up by id
create function herald.id_bucket(id uuid) returns integer
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'herald_id_bucket_sql';
comment on function herald.id_bucket(uuid) is 'Bucket in an id, null when it is no UUIDv7';
