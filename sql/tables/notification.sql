-- notification: one message to one recipient. Partitioned by id (UUIDv7, so by time); the parent has
-- no key, later leaves carry PRIMARY KEY (id, bucket) and are made by herald.tick().
create table herald.notification (
    id uuid not null,
    bucket integer not null,
    recipient text not null,
    template text not null,
    version integer not null,
    category text,
    priority herald.priority not null,
    data jsonb not null,
    attributes jsonb,
    locale text not null,
    timezone text,
    sender text not null,
    idempotency_key text,
    send_at timestamptz,
    expires_at timestamptz,
    created_at timestamptz not null,
    deliveries uuid[] not null
) partition by range (id);
create table herald.notification_default partition of herald.notification default;
alter table herald.notification_default add primary key (id, bucket);
comment on table herald.notification is 'Messages to recipients, as sent by the application';
comment on column herald.notification.attributes is 'Attributes of the recipient when it was sent; null: none';
comment on column herald.notification.deliveries is 'Ids of its deliveries';
