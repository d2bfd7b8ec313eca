-- check_recipient: refuses an id that is malformed or of nobody.
-- Parameters: id - the application's id
-- Returns: nothing · Writes: nothing · Called by: notify_device, notify_preference, notify_preview
create function herald.check_recipient(id text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform herald.check_text('recipient', id, 255);
    if not exists (select from herald.recipient r
                    where r.id = check_recipient.id and r.bucket = herald.bucket(check_recipient.id))
    then
        raise exception using errcode = '22023',
            message = format('unknown recipient "%s"', left(id, 64)),
            hint = 'Register it with herald.notify_recipient().';
    end if;
end
$$;
comment on function herald.check_recipient(text) is 'Refuses an id that is malformed or of nobody';
