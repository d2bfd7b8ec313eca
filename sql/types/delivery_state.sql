-- delivery_state: pending states first, then the final ones. Legal edges: herald.delivery_edge.
create type herald.delivery_state as enum (
    'scheduled', 'held', 'queued', 'claimed', 'retry',
    'sent', 'failed', 'dead', 'suppressed', 'cancelled', 'expired', 'unknown');
comment on type herald.delivery_state is
    'State of a delivery; sent, failed, dead, suppressed, cancelled, expired and unknown are final';
