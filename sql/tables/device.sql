-- device: one address that is neither a phone number nor a mailbox; tokens live in device_token.
create table herald.device (
    id uuid not null,
    bucket integer not null,
    recipient text not null,
    kind herald.device_kind not null,
    name text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (id, bucket)
);
create index device_recipient_idx on herald.device (recipient, bucket);
comment on table herald.device is 'Devices of recipients; a device holds one or more tokens';

-- device_token: what an issuer (apns, fcm, webhook, webpush, …) calls the device.
create table herald.device_token (
    id uuid not null,
    bucket integer not null,
    device uuid not null,
    recipient text not null,
    issuer text not null check (issuer ~ '^[a-z0-9_]{1,32}$'),
    token text not null check (octet_length(token) between 1 and 4096),
    app text,
    environment text not null default 'production' check (environment in ('production', 'sandbox')),
    state herald.token_state not null default 'active',
    state_reason text,
    registered_at timestamptz not null default now(),
    state_at timestamptz not null default now(),
    primary key (id, bucket)
);
create index device_token_device_idx on herald.device_token (device, bucket);
-- A plain index: a token may be known in another bucket for the moment in which it moves.
create index device_token_token_idx on herald.device_token using hash (token);
create index device_token_retired_idx on herald.device_token (state_at) where state = 'retired';
comment on table herald.device_token is 'Tokens of devices with their issuer, app and environment';
