-- from_unix_us: an instant from a daemon.
-- Parameters: us - microseconds since 1970
-- Returns: the instant; raises 22008 when out of range · Writes: nothing · Called by: herald.record
create function herald.from_unix_us(us bigint) returns timestamptz
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'herald_from_unix_us';
comment on function herald.from_unix_us(bigint) is 'Instant of so many microseconds since 1970';
