-- notify_recipient: registers a recipient or replaces all its fields.
-- Parameters: id - the application's own id; email; phone - E.164; locale; timezone; region - ISO 3166;
--             attributes - object that templates see as "recipient"
-- Returns: nothing · Writes: recipient · Called by: applications
create function herald.notify_recipient(
    id text, email text default null, phone text default null, locale text default null,
    timezone text default null, region text default null, attributes jsonb default '{}')
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_region text := upper(region collate "C");
begin
    perform herald.check_text('id', id, 255);
    perform herald.check_json('attributes', attributes, 65536, 32);
    if locale is not null then
        perform herald.check_locale(locale);
    end if;
    if v_region !~ '^[A-Z]{2}(-[A-Z0-9]{1,3})?$' then
        raise exception using errcode = '22023',
            message = 'region is not an ISO 3166 code',
            detail = format('It begins with %s.', to_json(left(region, 64))),
            hint = 'Write it like "DE" or "US-CA".';
    end if;
    insert into herald.recipient as r (id, bucket, email, phone, locale, timezone, region, attributes)
    values (notify_recipient.id, herald.bucket(notify_recipient.id),
            herald.check_email(email), herald.check_phone(phone), nullif(locale, ''),
            herald.check_timezone(timezone), v_region, attributes)
    on conflict on constraint recipient_pkey do update
       set email = excluded.email, phone = excluded.phone, locale = excluded.locale,
           timezone = excluded.timezone, region = excluded.region,
           attributes = excluded.attributes, updated_at = excluded.updated_at;
end
$$;
comment on function herald.notify_recipient(text, text, text, text, text, text, jsonb) is
    'Registers a recipient or replaces all its fields';
