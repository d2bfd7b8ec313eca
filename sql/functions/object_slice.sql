-- object_slice: a piece of an object's content.
-- Parameters: sha256 - its hash in hexadecimal; start - from 1; count - bytes
-- Returns: the bytes, null when the database has no such content · Writes: nothing · Called by: herald-dispatcher
create function herald.object_slice(sha256 text, start integer, count integer) returns bytea
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
select substring(c.content from start for count)
  from herald.object_content c
 where c.sha256 = decode(object_slice.sha256, 'hex')
$$;
comment on function herald.object_slice(text, integer, integer) is 'A piece of the content with this hash';
