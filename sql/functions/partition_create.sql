-- partition_create: makes and attaches the partition of a table for a day. Rows of that day that wait
-- in the DEFAULT leaf move into it, if they are few: attaching would fail with them.
-- Parameters: parent - table; key - its unique key; day - in UTC
-- Returns: whether it was made · Writes: the table's leaves · Called by: tick_partitions
create function herald.partition_create(parent text, key text, day date) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
as $$
declare
    v_most constant integer := 50000;
    v_leaf constant text := format('%s_p%s', parent, to_char(day, 'YYYYMMDD'));
    v_low constant uuid := herald.id_floor(day::timestamp at time zone 'UTC');
    v_high constant uuid := herald.id_floor((day + 1)::timestamp at time zone 'UTC');
    v_waiting integer;
begin
    -- Today's rows may be on their way into the DEFAULT leaf, which will refuse them once the partition
    -- is attached; and who has already planned a query would not look for moved rows in a new leaf.
    -- Rows of days to come do not exist yet.
    if v_low <= herald.id_floor(clock_timestamp()) then
        execute format('lock table herald.%I in access exclusive mode', parent);
    end if;
    execute format('select count(*) from (select from herald.%I where id >= $1 and id < $2 limit $3) w',
                   parent || '_default')
       into v_waiting using v_low, v_high, v_most + 1;
    if v_waiting > v_most then
        return false;
    end if;

    -- LIKE and ATTACH, because PARTITION OF would lock the parent against senders.
    execute format('create table herald.%I (like herald.%I including all)', v_leaf, parent);
    execute format('alter table herald.%I add primary key (%s)', v_leaf, key);
    if v_waiting > 0 then
        execute format('with moved as (delete from herald.%I where id >= $1 and id < $2 returning *)'
                       ' insert into herald.%I select * from moved',
                       parent || '_default', v_leaf) using v_low, v_high;
    end if;
    execute format('alter table herald.%I attach partition herald.%I for values from (%L) to (%L)',
                   parent, v_leaf, v_low, v_high);
    return true;
end
$$;
comment on function herald.partition_create(text, text, date) is
    'Makes the partition of a table for a day';
