-- observe: how long an epoch has shown the same mark to this session.
-- Parameters: epoch; mark - what it looks like now
-- Returns: microseconds on a monotonic clock; 0 for the first look, a new mark, or a look after a gap
-- Writes: nothing (memory of the session) · Called by: tick_reclaim
create function herald.observe(epoch bigint, mark text) returns bigint
language c volatile strict
as 'MODULE_PATHNAME', 'herald_observe';
comment on function herald.observe(bigint, text) is
    'Microseconds for which an epoch has shown this mark to this session';
