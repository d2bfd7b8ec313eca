-- route: which providers serve a channel for whom, in order.
create table herald.route (
    name text primary key check (name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
    channel herald.channel not null,
    position integer not null default 100 check (position between 0 and 10000),
    match jsonb not null default '{}',
    providers text[] not null check (cardinality(providers) between 1 and 16),
    weights integer[] check (cardinality(weights) = cardinality(providers)),
    enabled boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
-- Mostly empty: claims look into it whether anybody wants to know the kinds of devices.
create index route_device_kind_idx on herald.route (name) where enabled and match ? 'device_kind';
comment on table herald.route is
    'Which providers serve a channel for whom, in order; changed through herald.notify_route()';
comment on column herald.route.position is 'The first enabled row of the channel that matches decides';
comment on column herald.route.match is 'Who it is for, all members must hold; lists in a normal form';
comment on column herald.route.weights is
    'Shares of recipients for which each provider is the first choice; null: always the first one';
