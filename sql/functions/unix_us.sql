-- unix_us: an instant for a daemon.
-- Parameters: at
-- Returns: microseconds since 1970; the nearest bigint for infinity · Writes: nothing
-- Called by: herald.claim
create function herald.unix_us(at timestamptz) returns bigint
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'herald_unix_us';
comment on function herald.unix_us(timestamptz) is 'Microseconds since 1970';
