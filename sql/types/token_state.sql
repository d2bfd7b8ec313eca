-- token_state: suspect tokens are still used until the evidence is clear, retired ones never.
create type herald.token_state as enum ('active', 'suspect', 'retired');
comment on type herald.token_state is 'State of a device token';
