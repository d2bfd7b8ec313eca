-- delivery_edge: legal changes of state; dispatcher/delivery/edges.def holds the same table.
create table herald.delivery_edge (
    from_state herald.delivery_state not null,
    to_state herald.delivery_state not null,
    primary key (from_state, to_state)
);
comment on table herald.delivery_edge is 'Legal changes of a delivery''s state';
insert into herald.delivery_edge (from_state, to_state) values
    ('scheduled', 'queued'), ('scheduled', 'cancelled'), ('scheduled', 'expired'),
    ('held', 'queued'), ('held', 'cancelled'), ('held', 'expired'),
    ('queued', 'claimed'), ('queued', 'cancelled'), ('queued', 'expired'), ('queued', 'dead'),
    ('claimed', 'queued'), ('claimed', 'retry'), ('claimed', 'sent'), ('claimed', 'failed'),
    ('claimed', 'dead'), ('claimed', 'suppressed'), ('claimed', 'expired'), ('claimed', 'unknown'),
    ('retry', 'queued'), ('retry', 'cancelled'), ('retry', 'expired'), ('retry', 'dead');
