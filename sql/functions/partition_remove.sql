-- partition_remove: empties a partition, or drops it when it is empty. It waits for nobody: what is
-- in use is left for a later call.
-- Parameters: parent - table; leaf - its partition
-- Returns: whether something was done · Writes: the partition · Called by: tick_retention
create function herald.partition_remove(parent text, leaf text) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if pg_relation_size(format('herald.%I', leaf)::regclass) > 0 then
        execute format('lock table herald.%I in access exclusive mode nowait', leaf);
        execute format('truncate herald.%I', leaf);
    else
        execute format('lock table herald.%I in access exclusive mode nowait', parent);
        execute format('drop table herald.%I', leaf);
    end if;
    return true;
exception when lock_not_available then
    return false;
end
$$;
comment on function herald.partition_remove(text, text) is
    'Empties a partition, or drops it when it is empty, unless it is in use';
