-- id_floor: the lowest id of a millisecond.
-- Parameters: at - a time from 1970 on
-- Returns: an id that is not greater than any id of this millisecond or later · Writes: nothing
-- Called by: bounds of partitions, searches by time
create function herald.id_floor(at timestamptz) returns uuid
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'herald_id_floor_sql';
comment on function herald.id_floor(timestamptz) is 'Lowest id of a millisecond, for ranges of ids';
