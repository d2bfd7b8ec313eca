-- provider_usage: requests of a day that dispatchers took for an account with max_per_day. A dispatcher
-- takes some at a time, so that the row is written a few times a second at most.
create table herald.provider_usage (
    provider text not null,
    day date not null,
    taken bigint not null check (taken >= 0),
    primary key (provider, day)
);
comment on table herald.provider_usage is 'Requests that dispatchers took of an account''s max_per_day, by day (UTC)';
comment on column herald.provider_usage.taken is
    'What a dispatcher took and did not use is given back when it stops, and lost when it is killed';
