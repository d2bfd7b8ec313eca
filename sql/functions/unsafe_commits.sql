-- unsafe_commits: commits that put rows into an outbox with synchronous_commit = off: a crash might
-- have lost them, or still may.
-- Returns: how many since the server's start, in all databases; null when the module is not preloaded
-- Writes: nothing · Called by: health
create function herald.unsafe_commits() returns bigint
language c volatile
as 'MODULE_PATHNAME', 'herald_unsafe_commits';
comment on function herald.unsafe_commits() is
    'Commits into the outbox with synchronous_commit = off since the start of the server';
