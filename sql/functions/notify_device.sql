-- notify_device: registers a device by a token of one issuer. The same token again refreshes it; a token
-- that belongs to another recipient moves here, and a device left without tokens goes.
-- Parameters: recipient; kind - ios, android, web, chat, webhook; issuer - apns, fcm, webpush, webhook, …; token;
--             app - application id at the issuer; environment - production, sandbox;
--             device - existing device that gets a token of a further issuer; name - for people
-- Returns: the device's id · Writes: device, device_token · Called by: applications
create function herald.notify_device(
    recipient text, kind text, issuer text, token text, app text default null,
    environment text default 'production', device uuid default null, name text default null)
returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_bucket integer;
    v_kind herald.device_kind;
    v_token text;
    v_device uuid := device;
    v_known uuid;
    v_now timestamptz := clock_timestamp();
    v_old record;
begin
    perform herald.check_text('kind', kind, 63);
    if kind <> all (enum_range(null::herald.device_kind)::text[]) then
        perform herald.refuse_unknown('kind', kind, enum_range(null::herald.device_kind)::text[]);
    end if;
    v_kind := kind::herald.device_kind;
    perform herald.check_text('issuer', issuer, 255);
    if issuer !~ '^[a-z0-9_]{1,32}$' then
        raise exception using errcode = '22023',
            message = 'issuer is not a valid name',
            detail = format('It is "%s".', left(issuer, 64)),
            hint = 'Issuers are made of a-z, 0-9 and "_", at most 32.';
    end if;
    if (v_kind = 'webhook') <> (issuer = 'webhook') then
        raise exception using errcode = '22023',
            message = 'a device of kind "webhook" has issuer "webhook" and no other does';
    end if;
    v_token := herald.check_token(v_kind, issuer, token);
    perform herald.check_text('environment', environment, 63);
    if environment not in ('production', 'sandbox') then
        perform herald.refuse_unknown('environment', environment, array['production', 'sandbox']);
    end if;
    if app is not null then
        perform herald.check_text('app', app, 255);
    end if;
    if name is not null then
        perform herald.check_text('name', name, 255);
    end if;
    perform herald.check_recipient(recipient);
    v_bucket := herald.bucket(recipient);

    -- Two registrations of one token at a time would both find nothing to replace.
    perform pg_advisory_xact_lock(1214607956, hashtext(v_token));

    if v_device is not null then
        perform from herald.device d
          where d.id = v_device and d.bucket = v_bucket and d.recipient = notify_device.recipient
            and d.kind = v_kind;
        if not found then
            raise exception using errcode = '22023',
                message = format('recipient "%s" has no device %s of kind "%s"',
                                 left(recipient, 64), v_device, kind),
                hint = 'herald.notify_devices() lists the devices of a recipient.';
        end if;
    end if;

    for v_old in
        select t.id, t.bucket, t.device, t.recipient from herald.device_token t
         where t.token = v_token and t.issuer = notify_device.issuer
           for update
    loop
        if v_old.recipient = notify_device.recipient and v_known is null then
            v_known := v_old.id;
            v_device := coalesce(v_device, v_old.device);
            update herald.device_token t
               set device = v_device, app = notify_device.app,
                   environment = notify_device.environment, state = 'active', state_reason = null,
                   registered_at = v_now, state_at = v_now
             where t.id = v_old.id and t.bucket = v_old.bucket;
        else
            delete from herald.device_token t where t.id = v_old.id and t.bucket = v_old.bucket;
        end if;
        delete from herald.device d
         where d.id = v_old.device and d.bucket = v_old.bucket and d.id is distinct from v_device
           and not exists (select from herald.device_token t
                            where t.device = d.id and t.bucket = d.bucket);
    end loop;

    if v_device is null then
        v_device := herald.new_id(v_bucket);
        insert into herald.device (id, bucket, recipient, kind, name)
        values (v_device, v_bucket, notify_device.recipient, v_kind, notify_device.name);
    else
        update herald.device d
           set name = coalesce(notify_device.name, d.name), kind = v_kind, updated_at = v_now
         where d.id = v_device and d.bucket = v_bucket;
    end if;
    if v_known is null then
        insert into herald.device_token
            (id, bucket, device, recipient, issuer, token, app, environment, registered_at, state_at)
        values (herald.new_id(v_bucket), v_bucket, v_device, notify_device.recipient,
                notify_device.issuer, v_token, notify_device.app, notify_device.environment,
                v_now, v_now);
    end if;
    return v_device;
end
$$;
comment on function herald.notify_device(text, text, text, text, text, text, uuid, text) is
    'Registers a device by a token of one issuer, or refreshes the token; returns the device''s id';
