-- outcome_class: what one attempt came to. lease_lost is written by the reclaim, never by a provider.
create type herald.outcome_class as enum (
    'accepted', 'retry', 'throttle', 'token_invalid', 'suppressed', 'content', 'config', 'unknown',
    'lease_lost');
comment on type herald.outcome_class is 'What one attempt of a delivery came to';
