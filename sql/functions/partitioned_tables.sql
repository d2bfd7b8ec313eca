-- partitioned_tables: what is partitioned by day, and by which key a partition is unique.
-- Returns: table, key · Writes: nothing · Called by: tick_partitions, tick_retention, health
create function herald.partitioned_tables() returns table (name text, key text)
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
values ('notification', 'id, bucket'),
       ('delivery', 'id, bucket'),
       ('attempt', 'id, bucket, attempt'),
       ('event', 'id, bucket'),
       ('inbox', 'id, bucket');
$$;
comment on function herald.partitioned_tables() is
    'Tables that are partitioned by day with the keys of their partitions';
