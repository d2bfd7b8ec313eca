-- priority: lanes of the outbox, most urgent first.
create type herald.priority as enum ('urgent', 'high', 'normal', 'bulk');
comment on type herald.priority is 'Lane of the outbox, most urgent first';
