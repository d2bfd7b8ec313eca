-- event: what providers and people reported about a delivery later. An id begins like that of the
-- delivery, so both are in partitions of the same day and a range of ids finds the events of a delivery;
-- the rest is a hash of source and source_id, so an event that comes twice meets itself.
create table herald.event (
    id uuid not null,
    bucket integer not null,
    delivery uuid not null,
    source text not null,
    source_id text not null,
    kind text not null,
    receipt herald.receipt not null default 'none',
    class herald.outcome_class,
    effect text,
    code text,
    reason text,
    data jsonb not null default '{}',
    occurred_at timestamptz not null,
    created_at timestamptz not null
) partition by range (id);
create table herald.event_default partition of herald.event default;
alter table herald.event_default add primary key (id, bucket);
comment on table herald.event is 'Receipts, opens, clicks and other reports about deliveries';
comment on column herald.event.source is 'Account that reported it; *: none, such as links of our own';
comment on column herald.event.kind is 'Word of the source; herald.event_rule tells what follows';

-- early_event: events whose delivery is not finished yet, with the address that they name.
create table herald.early_event (
    id uuid not null,
    bucket integer not null,
    delivery uuid not null,
    address text,
    due_at timestamptz not null,
    created_at timestamptz not null,
    primary key (id, bucket)
);
create index early_event_due_idx on herald.early_event (due_at);
comment on table herald.early_event is 'Events that wait for their delivery to be recorded';
