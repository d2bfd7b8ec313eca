-- outbox: deliveries that wait to be claimed or are claimed. An inheritance parent and a ring of 12
-- plain leaves; a sender picks the leaf by clock, readers must look into all of them. One more leaf,
-- outbox_12, holds suspects: deliveries whose dispatcher was lost twice. They are claimed one at a time.
create table herald.outbox (
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
    epoch bigint,
    queued_at timestamptz not null,
    claimed_at timestamptz,
    created_at timestamptz not null,
    expires_at timestamptz
);
comment on table herald.outbox is 'Deliveries that wait to be claimed (epoch is null) or are claimed';
comment on column herald.outbox.lane is 'herald.lane() of the sender; it stays as long as the delivery waits';
comment on column herald.outbox.attempt is 'Number of claims so far; with epoch the fencing token of the current one';
comment on column herald.outbox.failures is 'Attempts that count against max_attempts';
comment on column herald.outbox.epoch is 'Epoch of the dispatcher that holds the claim';

do $$
begin
    for leaf in 0..12 loop
        execute format('create table herald.outbox_%1$s (primary key (id, bucket)) inherits (herald.outbox)'
                       ' with (fillfactor = 45)', leaf);
        execute format('create index outbox_%1$s_claim_idx on herald.outbox_%1$s'
                       ' (channel, priority, lane, queued_at)', leaf);
    end loop;
end
$$;
alter table herald.outbox_12 add begun integer;
comment on column herald.outbox_12.begun is 'Number of the last attempt that was begun, not only claimed';
