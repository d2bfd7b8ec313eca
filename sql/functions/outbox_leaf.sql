-- outbox_leaf: the leaf of the outbox that is written at a time: a period is 5 s, the ring has 12.
-- Parameters: at
-- Returns: 0..11 · Writes: nothing · Called by: tick_promote, tick_rotate, notify_redrive
create function herald.outbox_leaf(at timestamptz default clock_timestamp()) returns integer
language c immutable strict parallel safe
as 'MODULE_PATHNAME', 'herald_outbox_leaf_sql';
comment on function herald.outbox_leaf(timestamptz) is 'Leaf of the outbox that is written at a time';
