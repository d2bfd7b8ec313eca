-- provider_state: what each running dispatcher makes of each account, written when it changes.
create table herald.provider_state (
    provider text not null,
    epoch bigint not null,
    state text not null check (state in ('closed', 'probing', 'open')),
    reason text,
    since timestamptz not null,
    until timestamptz,
    failures integer not null default 0,
    primary key (provider, epoch)
);
comment on table herald.provider_state is
    'Circuit breakers of accounts, one row an account and dispatcher; see herald.provider_health';
comment on column herald.provider_state.state is
    'closed: it is used; open: it is not; probing: one request finds out whether it works again';
comment on column herald.provider_state.reason is 'throttle, config, outage, or "unusable: " and why';
comment on column herald.provider_state.failures is 'Transient failures in a row';
