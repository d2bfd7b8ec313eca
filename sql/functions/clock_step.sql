-- clock_step: how far somebody has moved the wall clock since this session last asked.
-- Returns: microseconds, negative when it was set back; 0 for the first time
-- Writes: nothing (memory of the session) · Called by: tick_reclaim
create function herald.clock_step() returns bigint
language c volatile
as 'MODULE_PATHNAME', 'herald_clock_step';
comment on function herald.clock_step() is
    'Microseconds by which the wall clock was moved since this session last asked';
