-- idempotency: keys of sends; only equal keys of one recipient wait for each other.
create table herald.idempotency (
    recipient text not null,
    key text not null check (octet_length(key) between 1 and 255),
    bucket integer not null,
    id uuid not null,
    content_hash bytea not null,
    created_at timestamptz not null default now(),
    primary key (recipient, key, bucket)
);
create index idempotency_created_at_idx on herald.idempotency using brin (created_at) with (autosummarize = on);
comment on table herald.idempotency is 'Idempotency keys of sends with the notification they made';
