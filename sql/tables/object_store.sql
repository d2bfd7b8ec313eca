-- object_store: where content of objects is moved to. Secrets are references, never values.
create table herald.object_store (
    is_only boolean primary key default true check (is_only),
    endpoint text not null,
    region text not null,
    bucket text not null,
    prefix text not null,
    settings jsonb not null,
    secrets jsonb not null,
    updated_at timestamptz not null default now()
);
comment on table herald.object_store is
    'The S3-compatible store of objects, if there is one, changed through herald.notify_object_store()';
comment on column herald.object_store.secrets is 'References (env:NAME or file:/path) by name';
