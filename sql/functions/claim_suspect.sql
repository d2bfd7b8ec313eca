-- claim_suspect: takes one delivery of a channel whose dispatchers were lost, so that it is the only
-- suspect at work. The caller holds no other one, and says suspect_begin before it begins.
-- Parameters: epoch - of a dispatcher that this session has joined; channel
-- Returns: as claim, one row or none · Writes: outbox · Called by: dispatchers
create function herald.claim_suspect(epoch bigint, channel text)
returns table (leaf integer, id uuid, attempt integer, failures integer, notification uuid,
               recipient text, priority text, category text, template text, version integer,
               locale text, data jsonb, attributes jsonb, timezone text, utc_offset_s integer,
               time_us bigint, created_us bigint, expires_us bigint, verdict text, address text,
               tokens json, policy text, max_attempts integer, max_age_s integer,
               max_segments integer, topics boolean, region text, device_kind text)
language c volatile security definer
set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'herald_claim_suspect';
comment on function herald.claim_suspect(bigint, text) is
    'Takes one delivery of a channel whose dispatchers were lost';
