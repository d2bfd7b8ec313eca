-- tick_rotate: truncates a drained leaf of the outbox, which removes the dead row versions that
-- vacuum cannot remove while somebody holds an old snapshot. Leaves of a few pages are left alone.
-- Parameters: leaf
-- Returns: false · Writes: the leaf · Called by: tick, one leaf a transaction
create function herald.tick_rotate(leaf integer) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_small constant bigint := 262144;
    v_leaf constant text := format('herald.outbox_%s', leaf);
    v_current constant integer := herald.outbox_leaf();
    v_is_used boolean;
begin
    -- Senders write the current leaf and are about to write the next one.
    if leaf = v_current or leaf = (v_current + 1) % 12
       or pg_relation_size(v_leaf::regclass) < v_small then
        return false;
    end if;
    execute format('select exists (select from %s)', v_leaf) into v_is_used;
    if v_is_used then
        return false;
    end if;

    execute format('lock table %s in access exclusive mode nowait', v_leaf);

    -- A statement of its own: its snapshot is later than the lock and sees what came in between.
    execute format('select exists (select from %s)', v_leaf) into v_is_used;
    if not v_is_used then
        execute format('truncate %s', v_leaf);
    end if;
    return false;
end
$$;
comment on function herald.tick_rotate(integer) is 'Truncates a drained leaf of the outbox';
