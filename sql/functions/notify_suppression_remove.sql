-- notify_suppression_remove: allows an address again after a bounce, complaint or STOP.
-- Parameters: recipient; channel - email, sms or voice; address - mailbox or phone number
-- Returns: whether it was suppressed · Writes: suppression · Called by: operators
create function herald.notify_suppression_remove(recipient text, channel text, address text)
returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_channel herald.channel;
begin
    perform herald.check_text('recipient', recipient, 255);
    v_channel := herald.check_channel(channel);
    perform herald.check_text('address', address, 4096);
    delete from herald.suppression s
     where s.recipient = notify_suppression_remove.recipient
       and s.bucket = herald.bucket(notify_suppression_remove.recipient)
       and s.channel = v_channel
       and s.address = case when v_channel = 'email' then herald.check_email(notify_suppression_remove.address)
                            when v_channel in ('sms', 'voice')
                            then herald.check_phone(notify_suppression_remove.address)
                            else notify_suppression_remove.address end;
    return found;
end
$$;
comment on function herald.notify_suppression_remove(text, text, text) is
    'Allows a suppressed address again; false when it was not suppressed';
