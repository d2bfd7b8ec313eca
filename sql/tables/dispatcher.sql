-- dispatcher: one row per run of a dispatcher; its sessions hold a shared advisory lock on the epoch.
create sequence herald.dispatcher_epoch;
comment on sequence herald.dispatcher_epoch is 'Epochs of dispatchers, never reused';
create table herald.dispatcher (
    epoch bigint primary key,
    name text not null,
    version text not null,
    started_at timestamptz not null default now(),
    gone_at timestamptz,
    lost integer not null default 0,
    poison uuid
);
comment on table herald.dispatcher is 'Runs of dispatchers; gone_at is set once the claims were taken back';
comment on column herald.dispatcher.lost is 'Claims that were taken back';
comment on column herald.dispatcher.poison is 'Delivery that was set aside for the end of this run';
