-- phone_limit: how many messages may go to phone numbers of a country, with a prefix, or to each number.
create table herald.phone_limit (
    name text primary key check (name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
    country text,
    prefix text,
    prefixes text[] not null,
    excluded text[] not null,
    per_number boolean not null,
    max integer not null check (max >= 0),
    window_s integer not null check (window_s > 0),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table herald.phone_limit is
    'How many messages may go to phone numbers, changed through herald.notify_phone_limit()';
comment on column herald.phone_limit.prefixes is 'Numbers that begin so are meant';
comment on column herald.phone_limit.excluded is 'Unless they begin so: numbers of other countries';
comment on column herald.phone_limit.per_number is 'Whether each number is counted for itself';

-- phone_usage: what was counted. A number is kept as its SHA-256 hash.
create table herald.phone_usage (
    phone_limit text not null,
    number bytea not null,
    window_start timestamptz not null,
    count integer not null,
    primary key (phone_limit, number, window_start)
);
create index phone_usage_start_idx on herald.phone_usage (window_start);
comment on table herald.phone_usage is 'Messages counted against limits for phone numbers, by window';
