-- notify_recipient_remove: forgets a recipient with its devices and tokens. Preferences and suppressions
-- stay: who comes back under the same id is still opted out.
-- Parameters: id - the application's own id
-- Returns: whether there was one · Writes: recipient, device, device_token · Called by: applications
create function herald.notify_recipient_remove(id text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_bucket integer;
begin
    perform herald.check_text('id', id, 255);
    v_bucket := herald.bucket(id);
    delete from herald.recipient r where r.id = notify_recipient_remove.id and r.bucket = v_bucket;
    if not found then
        return false;
    end if;
    with gone as (
        delete from herald.device d
         where d.recipient = notify_recipient_remove.id and d.bucket = v_bucket
        returning d.id)
    delete from herald.device_token t
     using gone
     where t.device = gone.id and t.bucket = v_bucket;
    return true;
end
$$;
comment on function herald.notify_recipient_remove(text) is
    'Forgets a recipient with its devices and tokens; false when there is none';
