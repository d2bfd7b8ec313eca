-- notify_send_many: sends one notification to each of up to 1000 recipients; a repeated one gets one.
-- Parameters: recipients; others as notify_send
-- Returns: the notification's id by recipient, in the order given
-- Writes: notification, outbox, retry, delivery · Called by: applications
create function herald.notify_send_many(
    template text, recipients text[], data jsonb default '{}', channels text[] default null,
    category text default null, priority text default 'normal', send_at timestamptz default null,
    expires_at timestamptz default null, locale text default null)
returns table (recipient text, id uuid)
language c volatile security definer
as 'MODULE_PATHNAME', 'herald_notify_send_many';
comment on function herald.notify_send_many(text, text[], jsonb, text[], text, text, timestamptz,
                                            timestamptz, text) is
    'Sends a notification to each of up to 1000 recipients when the transaction commits';
