-- provider: a configured account at a third party. Secrets are references, never values.
create table herald.provider (
    name text primary key check (name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
    kind text not null,
    channel herald.channel not null,
    settings jsonb not null default '{}',
    secrets jsonb not null default '{}',
    rank integer not null default 100 check (rank between 0 and 10000),
    concurrency integer not null default 100 check (concurrency between 1 and 10000),
    enabled boolean not null default true,
    cost numeric(12, 6) check (cost between 0 and 100000),
    currency text check (currency ~ '^[A-Z]{3}$'),
    paused_at timestamptz,
    paused_until timestamptz,
    pause_reason text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check ((cost is null) = (currency is null)),
    check (paused_at is not null or (paused_until is null and pause_reason is null))
);
comment on table herald.provider is 'Accounts at third parties, changed through herald.notify_provider()';
comment on column herald.provider.kind is 'Names the code, see herald-dispatcher --list-providers';
comment on column herald.provider.secrets is 'References (env:NAME or file:/path) by setting name';
comment on column herald.provider.rank is 'Of several accounts that can serve a delivery the lowest rank is used';
comment on column herald.provider.concurrency is 'Requests in flight, of all dispatchers together';
comment on column herald.provider.cost is 'Of a message, of SMS and MMS that of a part; null: unknown';
comment on column herald.provider.currency is 'ISO 4217 code of the cost';
comment on column herald.provider.paused_at is 'When somebody paused it; null: nobody did';
comment on column herald.provider.paused_until is 'End of that pause; null: until it is resumed';
