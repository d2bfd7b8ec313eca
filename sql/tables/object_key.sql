-- object_key: what URLs of objects are signed with. Nobody is granted it: functions of the owner read it.
-- The oldest one signs, all verify, so that URLs outlive dump and restore.
create table herald.object_key (
    key bytea primary key check (octet_length(key) = 32),
    made_at timestamptz not null default now()
);
comment on table herald.object_key is 'Keys that sign URLs of objects';
insert into herald.object_key (key)
values (sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));
