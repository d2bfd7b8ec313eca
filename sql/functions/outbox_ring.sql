-- outbox_ring: trigger function of the outbox leaves; rings the doorbell when the transaction commits.
-- Returns: trigger · Writes: nothing · Called by: triggers outbox_N_ring
create function herald.outbox_ring() returns trigger
language c volatile
as 'MODULE_PATHNAME', 'herald_outbox_ring';
comment on function herald.outbox_ring() is 'Trigger function: wakes a dispatcher after the commit';
