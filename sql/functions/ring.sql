-- ring: as outbox_ring, for writes to the outbox that are not inserts.
-- Returns: nothing · Writes: nothing · Called by: reclaim_epoch
create function herald.ring() returns void
language c volatile
as 'MODULE_PATHNAME', 'herald_ring';
comment on function herald.ring() is 'Wakes a dispatcher after the commit';
