-- notify_preference: records a recipient's choice for a category and channel.
-- Parameters: recipient; category; channel; enabled
-- Returns: nothing · Writes: preference · Called by: applications
create function herald.notify_preference(
    recipient text, category text, channel text, enabled boolean)
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_channel herald.channel;
begin
    if enabled is null then
        raise exception using errcode = '22004', message = 'enabled must not be null';
    end if;
    perform herald.check_category(category);
    v_channel := herald.check_channel(channel);
    perform herald.check_recipient(recipient);
    if not enabled
       and (select c.mandatory from herald.category c where c.name = notify_preference.category)
    then
        raise exception using errcode = '22023',
            message = format('category "%s" is mandatory and cannot be opted out of', category);
    end if;
    insert into herald.preference (bucket, recipient, category, channel, enabled)
    values (herald.bucket(notify_preference.recipient), notify_preference.recipient,
            notify_preference.category, v_channel, notify_preference.enabled)
    on conflict on constraint preference_pkey do update
       set enabled = excluded.enabled, updated_at = excluded.updated_at;
end
$$;
comment on function herald.notify_preference(text, text, text, boolean) is
    'Records whether a recipient wants a category over a channel';
