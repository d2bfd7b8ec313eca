-- notify_devices: lists the devices of a recipient, one row a token.
-- Parameters: recipient
-- Returns: devices with the last characters of each token · Writes: nothing · Called by: applications
create function herald.notify_devices(recipient text)
returns table (device uuid, kind text, name text, issuer text, app text, environment text,
               state text, token_hint text, registered_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select d.id, d.kind::text, d.name, t.issuer, t.app, t.environment, t.state::text,
           herald.token_hint(t.token), t.registered_at
      from herald.device d
      left join herald.device_token t on t.device = d.id and t.bucket = d.bucket
     where d.recipient = notify_devices.recipient
       and d.bucket = herald.bucket(notify_devices.recipient)
     order by d.id, t.registered_at, t.id
$$;
comment on function herald.notify_devices(text) is
    'Devices of a recipient, one row a token, tokens shortened to a hint';
