-- notify_send: sends a notification when the caller's transaction commits.
-- Parameters: template; recipient; data - object of variables; channels - null for the category's or the
--             template's; category - null for the template's; priority; send_at - null or past is now;
--             expires_at; idempotency_key - the same key again returns the first id; locale - null for the
--             recipient's
-- Returns: the notification's id
-- Writes: notification, outbox, retry, delivery, idempotency · Called by: applications
create function herald.notify_send(
    template text, recipient text, data jsonb default '{}', channels text[] default null,
    category text default null, priority text default 'normal', send_at timestamptz default null,
    expires_at timestamptz default null, idempotency_key text default null,
    locale text default null)
returns uuid
language c volatile security definer
as 'MODULE_PATHNAME', 'herald_notify_send';
comment on function herald.notify_send(text, text, jsonb, text[], text, text, timestamptz, timestamptz,
                                       text, text) is
    'Sends a notification to one recipient when the transaction commits; returns its id';
