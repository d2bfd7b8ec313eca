-- bucket: bucket of a recipient, 0..4095. Frozen for ever: it is stored in every row and every id.
-- Parameters: recipient - its id
-- Returns: the lowest 12 bits of MurmurHash3's finalizer over FNV-1a (64 bits) of the UTF-8 bytes
-- Writes: nothing · Called by: whoever addresses a row of a recipient
create function herald.bucket(recipient text) returns integer
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'herald_bucket_sql';
comment on function herald.bucket(text) is 'Bucket (0..4095) of a recipient; never changes';
