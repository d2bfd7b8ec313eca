-- event: what providers and people reported about a delivery later. Partitioned like delivery.
create table herald.event (
    id uuid not null,
    bucket integer not null,
    delivery uuid not null,
    source text not null,
    source_id text not null,
    kind text not null,
    data jsonb not null default '{}',
    occurred_at timestamptz not null,
    created_at timestamptz not null
) partition by range (id);
create table herald.event_default partition of herald.event default;
alter table herald.event_default add primary key (id, bucket);
comment on table herald.event is 'Receipts, opens, clicks and other reports about deliveries';
