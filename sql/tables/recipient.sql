-- recipient: a person or thing that receives, keyed by the application's own id.
create table herald.recipient (
    id text not null check (octet_length(id) between 1 and 255),
    bucket integer not null,
    email text,
    phone text,
    locale text,
    timezone text,
    region text,
    attributes jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (id, bucket)
);
comment on table herald.recipient is 'People and things that receive, by the application''s own id';
