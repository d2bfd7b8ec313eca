-- sender: the login or API client on whose behalf a send happens.
create table herald.sender (
    name text primary key,
    description text not null default '',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table herald.sender is 'Logins and API clients on whose behalf sends happen';
