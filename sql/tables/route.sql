-- route: which providers serve a channel for whom, in order.
create table herald.route (
    name text primary key,
    channel herald.channel not null,
    position integer not null default 100,
    match jsonb not null default '{}',
    providers text[] not null,
    enabled boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table herald.route is 'Which providers serve a channel for whom, in order';
