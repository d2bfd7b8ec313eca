-- device_kind: what kind of thing a device address belongs to.
create type herald.device_kind as enum ('ios', 'android', 'web', 'topic', 'chat', 'webhook');
comment on type herald.device_kind is 'What kind of thing a device address belongs to';
