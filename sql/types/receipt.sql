-- receipt: what a provider reported after it had accepted a delivery; only moves forward.
create type herald.receipt as enum ('none', 'carrier', 'delivered', 'undelivered', 'read');
comment on type herald.receipt is 'What the provider reported after accepting a delivery';
