-- token_hint: as much of a device token as may be shown to people.
-- Parameters: token
-- Returns: its last six characters, fewer of a short one, without the end of JSON · Writes: nothing
-- Called by: notify_devices, notify_preview
create function herald.token_hint(token text) returns text
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select '…' || right(rtrim(token, '"}'), least(6, length(token) / 4))
$$;
comment on function herald.token_hint(text) is 'As much of a device token as may be shown to people';
