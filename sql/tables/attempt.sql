-- attempt: one try of a delivery; id is the delivery's. Partitioned like delivery.
create table herald.attempt (
    id uuid not null,
    bucket integer not null,
    attempt integer not null,
    epoch bigint not null,
    class herald.outcome_class not null,
    provider text,
    phase text,
    status integer,
    code text,
    reason text,
    provider_id text,
    applied boolean not null default true,
    started_at timestamptz,
    finished_at timestamptz not null,
    latency_us bigint
) partition by range (id);
create table herald.attempt_default partition of herald.attempt default;
alter table herald.attempt_default add primary key (id, bucket, attempt);
comment on table herald.attempt is 'Every try of a delivery; id is the delivery''s';
comment on column herald.attempt.applied is 'False: reported by a dispatcher that no longer held the claim';
