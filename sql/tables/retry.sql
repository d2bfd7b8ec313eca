-- retry: deliveries that wait for a time: scheduled sends, held ones and failed attempts.
create table herald.retry (
    id uuid not null,
    bucket integer not null,
    notification uuid not null,
    recipient text not null,
    channel herald.channel not null,
    priority herald.priority not null,
    device uuid,
    category text,
    template text not null,
    lane smallint not null,
    attempt integer not null default 0,
    failures integer not null default 0,
    state herald.delivery_state not null check (state in ('scheduled', 'held', 'retry')),
    reason text,
    due_at timestamptz not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    primary key (id, bucket)
);
create index retry_due_at_idx on herald.retry (due_at, id);
create index retry_expires_at_idx on herald.retry (expires_at) where expires_at is not null;
comment on table herald.retry is 'Deliveries that wait for due_at: scheduled, held or to be tried again';
