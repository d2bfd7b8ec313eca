-- inbox: notifications inside the application. Partitioned like notification.
create table herald.inbox (
    id uuid not null,
    bucket integer not null,
    recipient text not null,
    notification uuid not null,
    content jsonb not null,
    created_at timestamptz not null,
    read_at timestamptz
) partition by range (id);
create table herald.inbox_default partition of herald.inbox default;
alter table herald.inbox_default add primary key (id, bucket);
comment on table herald.inbox is 'Notifications shown inside the application';
