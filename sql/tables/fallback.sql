-- fallback: notifications of which a channel waits whether an earlier one is confirmed; id is the
-- notification's. Only categories with "cheapest" have rows here.
create table herald.fallback (
    id uuid not null,
    bucket integer not null,
    category text not null,
    channel herald.channel not null,
    channels herald.channel[] not null,
    deliveries uuid[] not null,
    since timestamptz not null,
    wait interval not null,
    look_at timestamptz not null,
    primary key (id, bucket)
);
create index fallback_look_at_idx on herald.fallback (look_at);
comment on table herald.fallback is 'Notifications of which channels wait for an earlier one to be confirmed';
comment on column herald.fallback.channel is 'Channel that is tried now';
comment on column herald.fallback.channels is 'Channels that wait, in order';
comment on column herald.fallback.deliveries is 'Deliveries that may confirm it; when all have failed nothing is waited for';
comment on column herald.fallback.since is 'When those were to be sent; after wait the next channel''s turn comes';
comment on column herald.fallback.look_at is 'When herald.tick() looks at them next';

-- fallback_stats: what came of it, counted by day (UTC) and pair of channels when it was decided.
create table herald.fallback_stats (
    day date not null,
    category text not null,
    channel herald.channel not null,
    next_channel herald.channel not null,
    confirmed bigint not null,
    escalated bigint not null,
    primary key (day, category, channel, next_channel)
);
comment on table herald.fallback_stats is 'How often the next channel of a category was spared and used; see herald.channel_savings';
comment on column herald.fallback_stats.confirmed is 'The channel was confirmed, the next one not used';
comment on column herald.fallback_stats.escalated is 'The channel was not confirmed, the next one was used';
