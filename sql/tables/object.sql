-- object_content: bytes by their hash, so that they are stored once. External: a slice is read without the rest.
create table herald.object_content (
    sha256 bytea primary key check (octet_length(sha256) = 32),
    content bytea,
    stored boolean not null default false,
    removed boolean not null default false,
    next_at timestamptz not null default now(),
    check (stored or content is not null),
    check (not removed or (stored and content is null))
);
alter table herald.object_content alter column content set storage external;
create index object_content_move_idx on herald.object_content (next_at) where content is not null;
create index object_content_removed_idx on herald.object_content (next_at) where removed;
comment on table herald.object_content is 'Bytes of objects, each content once';
comment on column herald.object_content.content is 'Null: they lie in the object store alone';
comment on column herald.object_content.stored is 'Whether the object store may have a copy';
comment on column herald.object_content.removed is 'No object has them; the copy is to be deleted';
comment on column herald.object_content.next_at is 'No dispatcher moves or deletes them before';

-- object: what notifications refer to by id instead of carrying it. Configuration, as templates are: it
-- belongs to no recipient and has no bucket. The id is the permission to use it, so it is random (UUIDv4):
-- ids of herald.new_id() rise and can be guessed from one another.
create table herald.object (
    id uuid primary key default gen_random_uuid(),
    sender text not null,
    content_type text not null,
    name text not null default '',
    sha256 bytea references herald.object_content,
    size bigint,
    url text,
    created_at timestamptz not null default now(),
    used_at timestamptz not null default now(),
    unique (sha256, sender, content_type, name),
    unique (url, sender, content_type, name),
    check ((sha256 is null) = (size is null) and (sha256 is null) <> (url is null))
);
create index object_used_idx on herald.object (used_at);
comment on table herald.object is 'What notifications refer to by id: stored content, or a URL';
comment on column herald.object.name is 'File name; empty: none';
comment on column herald.object.used_at is
    'When it was last stored or read for a delivery, to the hour; retention counts from then';
