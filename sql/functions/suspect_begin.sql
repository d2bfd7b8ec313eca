-- suspect_begin: a dispatcher begins to work on a suspect that it has claimed. If it is lost now, the
-- suspect may be the cause; if it was lost before, it was not.
-- Parameters: epoch, id, attempt - as claimed
-- Returns: false when the claim is no longer held · Writes: outbox · Called by: dispatchers
create function herald.suspect_begin(epoch bigint, id uuid, attempt integer) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update herald.outbox_12 o set begun = o.attempt
     where o.id = suspect_begin.id and o.bucket = herald.id_bucket(suspect_begin.id)
       and o.epoch = suspect_begin.epoch and o.attempt = suspect_begin.attempt;
    return found;
end
$$;
comment on function herald.suspect_begin(bigint, uuid, integer) is
    'A dispatcher begins to work on a suspect that it has claimed';
