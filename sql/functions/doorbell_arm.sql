-- doorbell_arm: asks to be woken by the next commit that puts rows into the outbox; a dispatcher
-- LISTENs to herald_outbox in one session, and arms and then claims once more in another.
-- Returns: 'doorbell', or 'poll' when the module is not preloaded or there is no background worker
-- left: commits then may go unannounced for as long as the caller's poll takes
-- Writes: nothing · Called by: dispatchers
create function herald.doorbell_arm() returns text
language c volatile
as 'MODULE_PATHNAME', 'herald_doorbell_arm';
comment on function herald.doorbell_arm() is
    'Arms the doorbell: the next commit into the outbox NOTIFYs herald_outbox; "poll" if there is none';
