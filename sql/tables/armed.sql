-- armed: from which database dispatchers deliver, newest row last. Rows are only added, by herald.arm()
-- and herald.disarm(), and dumped: a copy sees that the newest one names another database.
create table herald.armed (
    armed_at timestamptz primary key,
    armed_by text not null,
    system_identifier bigint,
    database oid
);
comment on table herald.armed is 'From which database dispatchers deliver: the newest row must name this one';
comment on column herald.armed.system_identifier is 'Of the cluster, the same on its standbys; null: nobody delivers';
