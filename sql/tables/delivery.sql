-- delivery: finished deliveries. Partitioned like notification.
create table herald.delivery (
    id uuid not null,
    bucket integer not null,
    notification uuid not null,
    recipient text not null,
    channel herald.channel not null,
    priority herald.priority not null,
    device uuid,
    category text,
    template text not null,
    state herald.delivery_state not null,
    reason text,
    code text,
    provider text,
    provider_id text,
    attempts integer not null,
    receipt herald.receipt not null default 'none',
    receipt_at timestamptz,
    created_at timestamptz not null,
    finished_at timestamptz not null
) partition by range (id);
create table herald.delivery_default partition of herald.delivery default;
alter table herald.delivery_default add primary key (id, bucket);
comment on table herald.delivery is 'Finished deliveries with their final state; pending ones: herald.delivery_status';
comment on column herald.delivery.reason is 'Why it did not become sent, in words';
