-- recipient_group: a named audience; static members live in group_member.
create table herald.recipient_group (
    name text primary key,
    description text not null default '',
    owner text not null default session_user,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table herald.recipient_group is 'Named audiences';

create table herald.group_member (
    bucket integer not null,
    group_name text not null,
    recipient text not null,
    created_at timestamptz not null default now(),
    primary key (recipient, group_name, bucket)
);
comment on table herald.group_member is 'Members of static groups';
