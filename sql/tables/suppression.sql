-- suppression: an address of a recipient that must not be used, with its evidence.
create table herald.suppression (
    bucket integer not null,
    recipient text not null,
    channel herald.channel not null,
    address text not null,
    reason text not null,
    source text not null,
    evidence text,
    created_at timestamptz not null default now(),
    primary key (recipient, channel, address, bucket)
);
comment on table herald.suppression is 'Addresses that must not be used, with evidence';
comment on column herald.suppression.address is 'Mailbox (domain in lower case) or phone number (E.164)';
