-- lane: lane of a sender, 0..15. What waits keeps it; claims take from all lanes in turn.
-- Parameters: sender - its name
-- Returns: the lowest 4 bits of its bucket, so two senders may share a lane
-- Writes: nothing · Called by: notify_redrive; people
create function herald.lane(sender text) returns smallint
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'herald_lane_sql';
comment on function herald.lane(text) is 'Lane (0..15) of a sender, from which claims take in turn';
