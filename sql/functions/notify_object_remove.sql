-- notify_object_remove: removes an object. Deliveries that still refer to it fail. Senders remove their own,
-- members of herald_operator any.
-- Parameters: object - its id
-- Returns: false when there is none to remove · Writes: object, object_content
-- Called by: applications, operators
create function herald.notify_object_remove(object uuid) returns boolean
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
select exists (select from herald.object o
                where o.id = notify_object_remove.object
                  and (o.sender = session_user or pg_has_role(session_user, 'herald_operator', 'member')))
   and herald.object_remove(notify_object_remove.object, null)
$$;
comment on function herald.notify_object_remove(uuid) is
    'Removes an object; false: there is none of this sender';
