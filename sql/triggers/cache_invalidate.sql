-- cache_invalidate: makes every backend drop its caches of templates and categories.
-- Writes: nothing · Called by: statement triggers on the tables that are cached
create function herald.cache_invalidate() returns trigger
language c
as 'MODULE_PATHNAME', 'herald_cache_invalidate';
comment on function herald.cache_invalidate() is
    'Makes every backend drop what it cached of the table';
create trigger cache_invalidate after insert or update or delete or truncate on herald.template
    for each statement execute function herald.cache_invalidate();
create trigger cache_invalidate after insert or update or delete or truncate on herald.template_version
    for each statement execute function herald.cache_invalidate();
create trigger cache_invalidate after insert or update or delete or truncate on herald.template_part
    for each statement execute function herald.cache_invalidate();
create trigger cache_invalidate after insert or update or delete or truncate on herald.template_use
    for each statement execute function herald.cache_invalidate();
create trigger cache_invalidate after insert or update or delete or truncate on herald.category
    for each statement execute function herald.cache_invalidate();
create trigger cache_invalidate after insert or update or delete or truncate on herald.armed
    for each statement execute function herald.cache_invalidate();
