/*
 * Recording: herald.record() writes what attempts came to and ends claims; herald.release() gives
 * claims back without an attempt.
 *
 * Both address rows by (id, bucket, epoch, attempt). What no longer matches belongs to somebody
 * else by now: nothing changes but the provider's reference, which is kept with the attempt.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "compat.h"
#include "doorbell.h"
#include "outbox.h"
#include "results.h"

enum
{
    RECORD_PARAMS = 6,
    STALE_PARAMS = 2,
    RELEASE_PARAMS = 5
};

/*
 * $1 epoch, $2 now; $3 to $6: whether "given" has retries, tokens, addresses, tries. "last" is the
 * number of the last attempt: a claim has that of its first one, and the others follow.
 *
 * Tokens and addresses in one order, so that two records never wait for each other in a circle.
 * "= any" keeps the planner from walking the whole index of a leaf, as it would for a merge, if the
 * leaf was empty when the plan was made; a device_token is looked up in a subquery of its own and
 * then addressed by place for the same reason.
 */
#define RECORD(on_conflict)                                                                        \
    "with done as (delete from # o using given g"                                                  \
    " where o.id = any (array[g.id]) and o.bucket = g.bucket and o.epoch = $1 and o.attempt = "    \
    "g.attempt"                                                                                    \
    " returning g.*, case when g.tries is null then g.attempt else g.attempt"                      \
    " + jsonb_array_length(g.tries) - (g.class is null)::integer end as last, o.notification,"     \
    " o.recipient, o.channel, o.priority, o.device, o.category, o.template, o.lane,"               \
    " o.created_at, o.expires_at),"                                                                \
    " finished as (insert into herald.delivery (id, bucket, notification, recipient, channel,"     \
    " priority, device, category, template, state, reason, code, provider, provider_id,"           \
    " attempts, created_at, finished_at)"                                                          \
    " select d.id, d.bucket, d.notification, d.recipient, d.channel, d.priority, d.device,"        \
    " d.category, d.template, d.state, d.reason, d.code, d.provider, d.provider_id, d.last,"       \
    " d.created_at, $2"                                                                            \
    " from done d where d.state <> 'retry'" on_conflict "),"                                       \
    " waiting as (insert into herald.retry (id, bucket, notification, recipient, channel,"         \
    " priority, device, category, template, lane, attempt, failures, state, reason, due_at,"       \
    " created_at, expires_at)"                                                                     \
    " select d.id, d.bucket, d.notification, d.recipient, d.channel, d.priority, d.device,"        \
    " d.category, d.template, d.lane, d.last, coalesce(d.failures, 0), 'retry', d.reason,"         \
    " d.due_at, d.created_at, d.expires_at"                                                        \
    " from done d where $3 and d.state = 'retry'" on_conflict "),"                                 \
    " tried as (insert into herald.attempt (id, bucket, attempt, epoch, class, provider, phase,"   \
    " status, code, reason, provider_id, started_at, finished_at, latency_us)"                     \
    " select d.id, d.bucket, d.last, $1, d.class, d.provider, d.phase, d.status, d.code,"          \
    " d.reason, d.provider_id, d.started_at, $2, d.latency_us"                                     \
    " from done d where d.class is not null" on_conflict "),"                                      \
    " tried_before as (insert into herald.attempt (id, bucket, attempt, epoch, class, provider,"   \
    " phase, status, code, reason, started_at, finished_at, latency_us)"                           \
    " select d.id, d.bucket, d.attempt + t.place::integer - 1, $1, t.class, t.provider, t.phase,"  \
    " t.status, t.code, t.reason, herald.from_unix_us(t.started_us),"                              \
    " herald.from_unix_us(t.started_us + t.latency_us), t.latency_us"                              \
    " from done d cross join lateral rows from (jsonb_to_recordset(d.tries) as"                    \
    " (class herald.outcome_class, provider text, phase text, status integer, code text,"          \
    " reason text, started_us bigint, latency_us bigint)) with ordinality as t (class, provider,"  \
    " phase, status, code, reason, started_us, latency_us, place)"                                 \
    " where $6 and d.tries is not null" on_conflict "),"                                           \
    " judged as (update herald.device_token t"                                                     \
    " set state = d.token_state, state_reason = coalesce(d.code, d.reason), state_at = $2"         \
    " from (select * from done where $4 and token is not null and token_state is not null"         \
    " order by token) d"                                                                           \
    " cross join lateral (select x.ctid from herald.device_token x where x.id = d.token"           \
    " and x.bucket = d.bucket offset 0) as k (row)"                                                \
    " where t.ctid = k.row and t.registered_at <= coalesce(d.evidence_at, $2)"                     \
    " and t.state < d.token_state),"                                                               \
    " barred as (insert into herald.suppression (bucket, recipient, channel, address, reason,"     \
    " source, evidence)"                                                                           \
    " select d.bucket, d.recipient, d.channel,"                                                    \
    " regexp_replace(d.address, '@[^@]*$', '') || coalesce(lower(substring(d.address from"         \
    " '@[^@]*$')), ''), coalesce(d.code, d.reason, d.class::text, 'refused'),"                     \
    " coalesce(d.provider, 'provider'), d.reason"                                                  \
    " from done d where $5 and d.address is not null"                                              \
    " order by d.recipient, d.channel, d.address on conflict do nothing)"                          \
    " select d.place from done d"
#define RECORD_TYPES                                                                               \
    {                                                                                              \
        INT8OID, TIMESTAMPTZOID, BOOLOID, BOOLOID, BOOLOID, BOOLOID                                \
    }

static struct herald_leaf_statement record_leaf = {
    .sql = RECORD(""),
    .param_count = RECORD_PARAMS,
    .params = RECORD_TYPES,
};

/* For a batch with a row that is there already, which should not be. */
static struct herald_leaf_statement record_leaf_again = {
    .sql = RECORD(" on conflict do nothing"),
    .param_count = RECORD_PARAMS,
    .params = RECORD_TYPES,
};

/* $1 epoch, $2 now. A repeated record leaves its first one alone. */
static const char stale_sql[] =
    "with known as (update herald.attempt a set applied = false, provider = g.provider,"
    " provider_id = g.provider_id from given g"
    " where a.id = g.id and a.bucket = g.bucket and a.attempt = g.attempt"
    " and a.class = 'lease_lost' and g.provider_id is not null)"
    " insert into herald.attempt (id, bucket, attempt, epoch, class, provider, phase, status,"
    " code, reason, provider_id, applied, started_at, finished_at, latency_us)"
    " select g.id, g.bucket, g.attempt, $1, g.class, g.provider, g.phase, g.status, g.code,"
    " g.reason, g.provider_id, false, g.started_at, $2, g.latency_us"
    " from given g where g.class is not null and g.bucket is not null"
    " and not exists (select from herald.attempt a where a.id = g.id"
    " and a.bucket = g.bucket and a.attempt = g.attempt)"
    " on conflict do nothing";

static SPIPlanPtr stale_plan;

static struct herald_leaf_statement release_leaf = {
    .sql = "update # o set epoch = null, claimed_at = null"
           " from unnest($2, $3, $4) as g (leaf, id, attempt)"
           " cross join lateral (select x.ctid from # x where x.id = g.id"
           " and x.bucket = herald.id_bucket(g.id) offset 0) as k (row)"
           " where g.leaf = $5 and o.ctid = k.row and o.epoch = $1 and o.attempt = g.attempt",
    .param_count = RELEASE_PARAMS,
    .params = { INT8OID, INT4ARRAYOID, UUIDARRAYOID, INT4ARRAYOID, INT4OID },
};

HERALD_FUNCTION(herald_record);
HERALD_FUNCTION(herald_release);

/* Not to wait for a leaf that somebody has locked: the caller has results of others too. */
static void
lock_leaves(const bool *leaves)
{
    for (int leaf = 0; leaf < HERALD_OUTBOX_LEAVES; leaf++)
    {
        if (leaves[leaf] &&
            !ConditionalLockRelationOid(herald_outbox_leaf_oid(leaf), RowExclusiveLock))
            ereport(ERROR, errcode(ERRCODE_LOCK_NOT_AVAILABLE),
                    errmsg("leaf %d of the outbox is locked", leaf),
                    errhint("Record the results of each leaf by themselves, and those of this one "
                            "later."));
    }
}

static void
record_in_leaf(struct herald_results *results, struct herald_leaf_statement *statement, int leaf,
               const struct herald_results_kinds *kinds)
{
    Datum values[RECORD_PARAMS] = {
        Int64GetDatum(results->epoch),  TimestampTzGetDatum(results->now),
        BoolGetDatum(kinds->retries),   BoolGetDatum(kinds->tokens),
        BoolGetDatum(kinds->addresses), BoolGetDatum(kinds->tries)
    };

    if (SPI_execute_plan(herald_outbox_plan(statement, leaf), values, NULL, false, 0) !=
        SPI_OK_SELECT)
        elog(ERROR, "could not record results");
    for (uint64 i = 0; i < SPI_processed; i++)
    {
        bool is_null;
        Datum place = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null);

        results->applied[DatumGetInt32(place)] = true;
    }
}

/*
 * Record without looking for rows that are there already, which costs more than the rest of an
 * insert. False, and nothing is changed, when there was one.
 */
static bool
try_record(struct herald_results *results, int leaf, const struct herald_results_kinds *kinds)
{
    MemoryContext context = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    volatile bool is_done = true;

    BeginInternalSubTransaction(NULL);
    MemoryContextSwitchTo(context);
    PG_TRY();
    {
        record_in_leaf(results, &record_leaf, leaf, kinds);
        ReleaseCurrentSubTransaction();
    }
    PG_CATCH();
    {
        ErrorData *error;

        MemoryContextSwitchTo(context);
        error = CopyErrorData();
        FlushErrorState();

        /* Whatever it was: the session would stay in a subtransaction that nobody ends. */
        RollbackAndReleaseCurrentSubTransaction();
        MemoryContextSwitchTo(context);
        CurrentResourceOwner = owner;
        if (error->sqlerrcode != ERRCODE_UNIQUE_VIOLATION)
            ReThrowError(error);
        is_done = false;
    }
    PG_END_TRY();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
    return is_done;
}

static void
record_stale(struct herald_results *results)
{
    static const Oid params[STALE_PARAMS] = { INT8OID, TIMESTAMPTZOID };
    Datum values[STALE_PARAMS] = { Int64GetDatum(results->epoch),
                                   TimestampTzGetDatum(results->now) };

    for (int leaf = 0; leaf < HERALD_OUTBOX_LEAVES; leaf++)
    {
        struct herald_results_kinds kinds;

        if (!results->leaves[leaf])
            continue;
        herald_results_show(results, leaf, &kinds);
        if (SPI_execute_plan(herald_saved_plan(&stale_plan, stale_sql, STALE_PARAMS, params),
                             values, NULL, false, 0) != SPI_OK_INSERT)
            elog(ERROR, "could not record stale results");
        herald_results_hide();
    }
}

/* What a provider has accepted must not be forgotten by a crash, whatever the session says. */
static void
force_synchronous_commit(void)
{
    if (synchronous_commit == SYNCHRONOUS_COMMIT_OFF)
        (void) set_config_option("synchronous_commit", "on", PGC_USERSET, PGC_S_SESSION,
                                 GUC_ACTION_LOCAL, true, 0, false);
}

static int
count_applied(const struct herald_results *results)
{
    int count = 0;

    for (int i = 0; i < results->count; i++)
        count += results->applied[i] ? 1 : 0;
    return count;
}

static int
record_all(struct herald_results *results)
{
    int applied;

    for (int leaf = 0; leaf < HERALD_OUTBOX_LEAVES; leaf++)
    {
        struct herald_results_kinds kinds;

        if (!results->leaves[leaf])
            continue;
        herald_results_show(results, leaf, &kinds);
        if (!try_record(results, leaf, &kinds))
            record_in_leaf(results, &record_leaf_again, leaf, &kinds);
        herald_results_hide();
    }
    applied = count_applied(results);
    if (applied < results->count)
        record_stale(results);
    return applied;
}

Datum
herald_record(PG_FUNCTION_ARGS)
{
    struct herald_results results;
    TupleDesc row;
    Datum values[2];
    bool nulls[2] = { false, false };
    int applied;
    int level;

    if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "herald.record() must return a row");
    herald_results_read(&results, fcinfo);
    lock_leaves(results.leaves);

    force_synchronous_commit();
    SPI_connect();
    level = herald_pinned_begin();
    applied = record_all(&results);
    herald_pinned_end(level);
    SPI_finish();

    values[0] = Int32GetDatum(applied);
    values[1] = Int32GetDatum(results.count - applied);
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls)));
}

Datum
herald_release(PG_FUNCTION_ARGS)
{
    Datum values[RELEASE_PARAMS];
    bool leaves[HERALD_OUTBOX_LEAVES] = { false };
    int64 released = 0;
    int level;

    for (int i = 0; i < PG_NARGS(); i++)
    {
        if (PG_ARGISNULL(i))
            ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                    errmsg("argument %d must not be null", i + 1));
        values[i] = PG_GETARG_DATUM(i);
    }
    if (herald_array_count(values[1]) != herald_array_count(values[2]) ||
        herald_array_count(values[1]) != herald_array_count(values[3]))
        ereport(ERROR, errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
                errmsg("arrays must have the same length"));
    herald_find_leaves(values[1], leaves);
    lock_leaves(leaves);
    SPI_connect();
    level = herald_pinned_begin();
    for (int leaf = 0; leaf < HERALD_OUTBOX_LEAVES; leaf++)
    {
        if (!leaves[leaf])
            continue;
        values[RELEASE_PARAMS - 1] = Int32GetDatum(leaf);
        if (SPI_execute_plan(herald_outbox_plan(&release_leaf, leaf), values, NULL, false, 0) !=
            SPI_OK_UPDATE)
            elog(ERROR, "could not release claims");
        released += (int64) SPI_processed;
    }
    herald_pinned_end(level);
    SPI_finish();
    if (released > 0)
        herald_doorbell_note();
    PG_RETURN_INT32((int32) released);
}
