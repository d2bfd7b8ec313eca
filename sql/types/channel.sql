-- channel: the way a notification reaches a person.
create type herald.channel as enum ('push', 'sms', 'email', 'voice', 'chat', 'webhook', 'inapp');
comment on type herald.channel is 'The way a notification reaches a person';
