-- category: what a person can opt out of; carries the delivery policy.
create table herald.category (
    name text primary key check (name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
    description text not null default '',
    channels herald.channel[],
    mandatory boolean not null default false,
    policy herald.delivery_policy not null default 'at_least_once',
    max_attempts integer not null default 12 check (max_attempts between 1 and 100),
    max_age interval not null default '24 hours'
        check (max_age between '1 second' and '30 days'),
    max_queued integer check (max_queued between 1 and 1000000000),
    max_segments integer check (max_segments between 1 and 255),
    topics boolean not null default false,
    cheapest herald.channel[] check (cardinality(cheapest) between 2 and 7),
    wait interval check (wait between '1 second' and '7 days'),
    is_full boolean not null default false check (not is_full or max_queued is not null),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check ((cheapest is null) = (wait is null))
);
comment on table herald.category is 'What a person can opt out of, with its delivery policy';
comment on column herald.category.channels is 'Channels used when a send names none; null: those of the template';
comment on column herald.category.mandatory is 'Cannot be opted out of (security codes)';
comment on column herald.category.policy is 'What happens when the outcome of an attempt is unknown';
comment on column herald.category.max_attempts is 'Failed attempts before a delivery is dead';
comment on column herald.category.max_age is 'Age at which a delivery that was not accepted is dead';
comment on column herald.category.max_queued is 'Deliveries that may wait before sends are refused; null: any number';
comment on column herald.category.max_segments is 'Parts that the text of an SMS may take; null: any number';
comment on column herald.category.topics is 'May be sent to topics of FCM, which stand for any number of people';
comment on column herald.category.cheapest is 'Of these channels the first is used, the next only when that is not confirmed';
comment on column herald.category.wait is 'How long a channel of cheapest may take to be confirmed';
comment on column herald.category.is_full is 'More waited when it was last counted, so sends are refused';
