-- notify_device_remove: forgets a device and its tokens.
-- Parameters: device - id from notify_device
-- Returns: whether there was one · Writes: device, device_token · Called by: applications
create function herald.notify_device_remove(device uuid) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_bucket integer;
begin
    if device is null then
        raise exception using errcode = '22004', message = 'device must not be null';
    end if;
    v_bucket := herald.id_bucket(device);
    delete from herald.device d where d.id = notify_device_remove.device and d.bucket = v_bucket;
    if not found then
        return false;
    end if;
    delete from herald.device_token t
     where t.device = notify_device_remove.device and t.bucket = v_bucket;
    return true;
end
$$;
comment on function herald.notify_device_remove(uuid) is
    'Forgets a device and its tokens; false when there is none';
