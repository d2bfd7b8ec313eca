-- object_remove: removes an object if it was last used before a moment, and its content when no other
-- object has the same.
-- Parameters: object - its id; unused_since - null: whenever it was used
-- Returns: whether it was there and was removed · Writes: object, object_content
-- Called by: notify_object_remove, tick_objects
create function herald.object_remove(object uuid, unused_since timestamptz) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_sha256 bytea;
begin
    -- As notify_object() does: nobody can then come to need the content any more.
    select o.sha256 into v_sha256 from herald.object o where o.id = object_remove.object;
    perform pg_advisory_xact_lock(1214607957, hashtext(encode(v_sha256, 'hex')));
    delete from herald.object o
     where o.id = object_remove.object and o.used_at < coalesce(unused_since, 'infinity');
    if not found then
        return false;
    end if;
    if not exists (select from herald.object o where o.sha256 = v_sha256) then
        delete from herald.object_content c where c.sha256 = v_sha256 and not c.stored;
        -- A dispatcher deletes the copy, once those that write it are through.
        update herald.object_content c set content = null, removed = true where c.sha256 = v_sha256;
    end if;
    return true;
end
$$;
comment on function herald.object_remove(uuid, timestamptz) is
    'Removes an object and content that no other has';
