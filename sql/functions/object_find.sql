-- object_find: what is known of objects that a delivery refers to; using them begins their retention anew.
-- Parameters: objects - ids
-- Returns: those that exist; sha256 in hexadecimal and size are null when the content lies elsewhere
-- Writes: object · Called by: herald-dispatcher
create function herald.object_find(objects uuid[])
returns table (id uuid, content_type text, name text, sha256 text, size bigint)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update herald.object o set used_at = now()
     where o.ctid = any (array(
           select u.ctid from herald.object u
            where u.id = any (objects) and u.used_at < now() - interval '1 hour'
              for update skip locked));
    return query
        select o.id, o.content_type, o.name, encode(o.sha256, 'hex'), o.size
          from herald.object o
         where o.id = any (objects);
end
$$;
comment on function herald.object_find(uuid[]) is 'Type, name, hash and size of objects';
