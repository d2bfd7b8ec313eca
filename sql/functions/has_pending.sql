-- has_pending: whether deliveries made before a day, or channels of such notifications, still wait.
-- Parameters: day - in UTC
-- Returns: true when outbox, retry or fallback know one · Writes: nothing · Called by: tick_retention
create function herald.has_pending(day date) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
select exists (select from herald.retry r
                where r.id < herald.id_floor(day::timestamp at time zone 'UTC'))
    or exists (select from herald.fallback f
                where f.id < herald.id_floor(day::timestamp at time zone 'UTC'))
    or exists (select from herald.outbox o
                where o.id < herald.id_floor(day::timestamp at time zone 'UTC'));
$$;
comment on function herald.has_pending(date) is 'Whether deliveries made before a day still wait';
