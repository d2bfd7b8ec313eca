-- claim: takes waiting deliveries of a channel for a dispatcher: of each priority that waits its share,
-- of each lane of senders as many as of the others, of each lane the oldest.
-- Parameters: epoch - of a dispatcher that this session has joined; channel; max - at most so many;
-- buckets - only deliveries of these, null: of all
-- Returns: most urgent first, then from the lanes in turn, what rendering needs, with address, tokens, preference and suppression as they are now.
-- verdict: null, or 'STATE: REASON' with which the delivery is to be recorded without an attempt.
-- time_us: what "now" is to templates; created_us: from when age counts (send_at if there was one)
-- max_segments: of the text of an SMS, 0 for any number; topics: may go to topics of FCM
-- device_kind: only while a route asks for it
-- Writes: outbox · Called by: dispatchers
create function herald.claim(epoch bigint, channel text, max integer, buckets integer[] default null)
returns table (leaf integer, id uuid, attempt integer, failures integer, notification uuid,
               recipient text, priority text, category text, template text, version integer,
               locale text, data jsonb, attributes jsonb, timezone text, utc_offset_s integer,
               time_us bigint, created_us bigint, expires_us bigint, verdict text, address text,
               tokens json, policy text, max_attempts integer, max_age_s integer,
               max_segments integer, topics boolean, region text, device_kind text)
language c volatile security definer
set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'herald_claim';
comment on function herald.claim(bigint, text, integer, integer[]) is
    'Takes waiting deliveries of a channel for a dispatcher';
