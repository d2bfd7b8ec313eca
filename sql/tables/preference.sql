-- preference: one person's choice for a category and channel.
create table herald.preference (
    bucket integer not null,
    recipient text not null,
    category text not null,
    channel herald.channel not null,
    enabled boolean not null,
    updated_at timestamptz not null default now(),
    primary key (recipient, category, channel, bucket)
);
comment on table herald.preference is 'Choices of recipients by category and channel';
