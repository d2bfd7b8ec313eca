-- new_id: a new UUIDv7 that carries the bucket.
-- Parameters: bucket - 0..4095
-- Returns: an id greater than all earlier ones of this session · Writes: nothing
-- Called by: notify_device, notify_send and others that make rows
create function herald.new_id(bucket integer) returns uuid
language c volatile strict parallel safe
as 'MODULE_PATHNAME', 'herald_new_id_sql';
comment on function herald.new_id(integer) is
    'New UUIDv7 id with the bucket in it; ids of one session rise';
