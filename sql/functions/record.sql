-- record: writes what attempts came to and ends their claims. Element n of every array is one result;
-- an array but that of the ids may have one element, which then holds for all.
-- Parameters: epoch, leaves, ids, attempts - as claimed; states - retry or a final one; classes -
-- outcome, null: there was no attempt; providers … provider_ids - of the attempt; started_us,
-- latency_us; failures - so far, for a retry; due_us - of a retry; tokens, token_states,
-- evidence_us - judge a token registered up to evidence_us (null: now); addresses - to be
-- suppressed; tries - lists of earlier attempts of the same claim, which others refused, null: none;
-- they count before the last one; now_us - microseconds since 1970, as all times
-- Returns: applied - results of claims that were still held; stale - others: of them only the
-- attempt is kept · Writes: outbox, delivery, retry, attempt, device_token, suppression
-- Called by: dispatchers
create function herald.record(epoch bigint, leaves integer[], ids uuid[], attempts integer[],
                              states text[], classes text[], providers text[], phases text[],
                              statuses integer[], codes text[], reasons text[],
                              provider_ids text[], started_us bigint[], latency_us bigint[],
                              failures integer[], due_us bigint[], tokens uuid[],
                              token_states text[], evidence_us bigint[], addresses text[],
                              tries jsonb[], now_us bigint)
returns table (applied integer, stale integer)
language c volatile security definer
rows 1
set search_path = pg_catalog, pg_temp
as 'MODULE_PATHNAME', 'herald_record';
comment on function herald.record(bigint, integer[], uuid[], integer[], text[], text[], text[], text[],
                                  integer[], text[], text[], text[], bigint[], bigint[], integer[],
                                  bigint[], uuid[], text[], bigint[], text[], jsonb[], bigint) is
    'Writes what attempts came to and ends their claims';
