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
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "doorbell.h"
#include "outbox.h"

enum
{
    RECORD_PARAMS = 22, /* those of herald.record() and the leaf */
    RECORD_LEAVES = 1,  /* numbers of parameters, from 0 */
    RECORD_STATES = 4,
    RECORD_DUE = 15,
    RECORD_ARRAYS_END = 20,
    RECORD_LEAF = 21,
    RELEASE_PARAMS = 5
};

/* Where a claimed delivery may go, as herald.delivery_edge has it; back to queued is release. */
static const char *const outcomes[] = { "retry",      "sent",    "failed", "dead",
                                        "suppressed", "expired", "unknown" };

/* Parameters as herald.record() has them, then the leaf. Element n of every array is one result. */
#define RECORD_TYPES                                                                               \
    {                                                                                              \
        INT8OID, INT4ARRAYOID, UUIDARRAYOID, INT4ARRAYOID, TEXTARRAYOID, TEXTARRAYOID,             \
            TEXTARRAYOID, TEXTARRAYOID, INT4ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,    \
            INT8ARRAYOID, INT8ARRAYOID, INT4ARRAYOID, INT8ARRAYOID, UUIDARRAYOID, TEXTARRAYOID,    \
            INT8ARRAYOID, TEXTARRAYOID, INT8OID, INT4OID                                           \
    }

#define GIVEN                                                                                      \
    "with given as materialized (select g.* from unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11," \
    " $12, $13, $14, $15, $16, $17, $18, $19, $20) with ordinality as g (leaf, id, attempt,"       \
    " state, class, provider, phase, status, code, reason, provider_id, started_us, latency_us,"   \
    " failures, due_us, token, token_state, evidence_us, address, place) where g.leaf = $22)"

/*
 * Tokens and addresses in one order, so that two records never wait for each other in a circle.
 * Rows are looked up in subqueries of their own and then addressed by place: a plain join might
 * read all of a table for every row, if it was empty when the plan was made.
 */
static struct herald_leaf_statement record_leaf = {
    .sql = GIVEN
    ", done as (delete from # o using given g"
    " cross join lateral (select x.ctid from # x where x.id = g.id"
    " and x.bucket = herald.id_bucket(g.id) offset 0) as k (row)"
    " where o.ctid = k.row and o.epoch = $1 and o.attempt = g.attempt"
    " returning g.*, o.bucket, o.notification, o.recipient, o.channel, o.priority, o.device,"
    " o.category, o.template, o.created_at, o.expires_at),"
    " finished as (insert into herald.delivery (id, bucket, notification, recipient, channel,"
    " priority, device, category, template, state, reason, code, provider, provider_id,"
    " attempts, created_at, finished_at)"
    " select d.id, d.bucket, d.notification, d.recipient, d.channel, d.priority, d.device,"
    " d.category, d.template, d.state::herald.delivery_state, d.reason, d.code, d.provider,"
    " d.provider_id, d.attempt, d.created_at, herald.from_unix_us($21)"
    " from done d where d.state <> 'retry' on conflict do nothing),"
    " waiting as (insert into herald.retry (id, bucket, notification, recipient, channel,"
    " priority, device, category, template, attempt, failures, state, reason, due_at,"
    " created_at, expires_at)"
    " select d.id, d.bucket, d.notification, d.recipient, d.channel, d.priority, d.device,"
    " d.category, d.template, d.attempt, coalesce(d.failures, 0), 'retry', d.reason,"
    " herald.from_unix_us(d.due_us), d.created_at, d.expires_at"
    " from done d where d.state = 'retry' on conflict do nothing),"
    " tried as (insert into herald.attempt (id, bucket, attempt, epoch, class, provider, phase,"
    " status, code, reason, provider_id, started_at, finished_at, latency_us)"
    " select d.id, d.bucket, d.attempt, $1, d.class::herald.outcome_class, d.provider, d.phase,"
    " d.status, d.code, d.reason, d.provider_id, herald.from_unix_us(d.started_us),"
    " herald.from_unix_us($21), d.latency_us"
    " from done d where d.class is not null on conflict do nothing),"
    " judged as (update herald.device_token t"
    " set state = d.token_state::herald.token_state, state_reason = coalesce(d.code, d.reason),"
    " state_at = herald.from_unix_us($21)"
    " from (select * from done where token is not null and token_state is not null"
    " order by token) d"
    " cross join lateral (select x.ctid from herald.device_token x where x.id = d.token"
    " and x.bucket = d.bucket offset 0) as k (row)"
    " where t.ctid = k.row and t.registered_at <= herald.from_unix_us(coalesce(d.evidence_us, $21))"
    " and t.state < d.token_state::herald.token_state),"
    " barred as (insert into herald.suppression (bucket, recipient, channel, address, reason,"
    " source, evidence)"
    " select d.bucket, d.recipient, d.channel,"
    " regexp_replace(d.address, '@[^@]*$', '') || coalesce(lower(substring(d.address from"
    " '@[^@]*$')), ''), coalesce(d.code, d.reason, d.class, 'refused'),"
    " coalesce(d.provider, 'provider'), d.reason"
    " from done d where d.address is not null order by d.recipient, d.channel, d.address"
    " on conflict do nothing)"
    " select d.place from done d",
    .param_count = RECORD_PARAMS,
    .params = RECORD_TYPES,
};

/* Places of the stale results come as $23. A repeated record leaves its first one alone. */
static const char stale_sql[] =
    GIVEN ", stale as materialized (select g.* from given g where g.place = any ($23)),"
          " known as (update herald.attempt a set applied = false, provider = g.provider,"
          " provider_id = g.provider_id from stale g"
          " where a.id = g.id and a.bucket = herald.id_bucket(g.id) and a.attempt = g.attempt"
          " and a.class = 'lease_lost' and g.provider_id is not null)"
          " insert into herald.attempt (id, bucket, attempt, epoch, class, provider, phase, status,"
          " code, reason, provider_id, applied, started_at, finished_at, latency_us)"
          " select g.id, herald.id_bucket(g.id), g.attempt, $1, g.class::herald.outcome_class,"
          " g.provider, g.phase, g.status, g.code, g.reason, g.provider_id, false,"
          " herald.from_unix_us(g.started_us), herald.from_unix_us($21), g.latency_us"
          " from stale g where g.class is not null and herald.id_bucket(g.id) is not null"
          " and not exists (select from herald.attempt a where a.id = g.id"
          " and a.bucket = herald.id_bucket(g.id) and a.attempt = g.attempt)"
          " on conflict do nothing";

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

/* The results of one call to record. */
struct results
{
    Datum values[RECORD_PARAMS + 1];
    int count;
    bool leaves[HERALD_OUTBOX_LEAVES];
    bool *applied; /* by place, from 0 */
    int applied_count;
};

static int
array_count(Datum array)
{
    ArrayType *value = DatumGetArrayTypeP(array);

    if (ARR_NDIM(value) > 1)
        ereport(ERROR, errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
                errmsg("arrays must have one dimension"));
    return ArrayGetNItems(ARR_NDIM(value), ARR_DIMS(value));
}

/* Copy arguments to values; arrays from 1 to arrays_end - 1 must be of one length, returned. */
static int
read_arguments(FunctionCallInfo fcinfo, Datum *values, int arrays_end)
{
    int count = 0;

    for (int i = 0; i < PG_NARGS(); i++)
    {
        if (PG_ARGISNULL(i))
            ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                    errmsg("argument %d must not be null", i + 1),
                    errhint("Elements of arrays may be null."));
        values[i] = PG_GETARG_DATUM(i);
        if (i < 1 || i >= arrays_end)
            continue;
        if (i == 1)
            count = array_count(values[i]);
        else if (array_count(values[i]) != count)
            ereport(ERROR, errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
                    errmsg("arrays must have the same length"),
                    errdetail("Argument 2 has %d elements, argument %d has %d.", count, i + 1,
                              array_count(values[i])));
    }
    return count;
}

static void
find_leaves(Datum array, bool *leaves)
{
    Datum *elements;
    bool *nulls;
    int count;

    deconstruct_array(DatumGetArrayTypeP(array), INT4OID, sizeof(int32), true, TYPALIGN_INT,
                      &elements, &nulls, &count);
    for (int i = 0; i < count; i++)
    {
        int32 leaf = nulls[i] ? -1 : DatumGetInt32(elements[i]);

        if (leaf < 0 || leaf >= HERALD_OUTBOX_LEAVES)
            ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("leaf must be between 0 and %d", HERALD_OUTBOX_LEAVES - 1));
        leaves[leaf] = true;
    }
}

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
check_state(const char *state, bool has_due)
{
    for (size_t i = 0; i < lengthof(outcomes); i++)
    {
        if (strcmp(outcomes[i], state) != 0)
            continue;
        if (i == 0 && !has_due)
            ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("a retry needs a time at which it is due"));
        return;
    }
    ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
            errmsg("a claimed delivery cannot become \"%.64s\"", state));
}

static void
check_states(const struct results *results)
{
    Datum *states;
    Datum *due;
    bool *state_nulls;
    bool *due_nulls;
    int count;

    deconstruct_array(DatumGetArrayTypeP(results->values[RECORD_STATES]), TEXTOID, -1, false,
                      TYPALIGN_INT, &states, &state_nulls, &count);
    deconstruct_array(DatumGetArrayTypeP(results->values[RECORD_DUE]), INT8OID, sizeof(int64),
                      FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &due, &due_nulls, &count);
    for (int i = 0; i < count; i++)
        check_state(state_nulls[i] ? "" : TextDatumGetCString(states[i]), !due_nulls[i]);
}

static void
record_in_leaf(struct results *results, int leaf)
{
    results->values[RECORD_LEAF] = Int32GetDatum(leaf);
    if (SPI_execute_plan(herald_outbox_plan(&record_leaf, leaf), results->values, NULL, false, 0) !=
        SPI_OK_SELECT)
        elog(ERROR, "could not record results");
    for (uint64 i = 0; i < SPI_processed; i++)
    {
        bool is_null;
        Datum place = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null);

        results->applied[DatumGetInt64(place) - 1] = true;
        results->applied_count++;
    }
}

/* The stale results of all leaves: $22, the leaf, takes one after the other. */
static void
record_stale(struct results *results)
{
    static const Oid types[RECORD_PARAMS] = RECORD_TYPES;
    Oid params[RECORD_PARAMS + 1];
    Datum *places = palloc((size_t) results->count * sizeof(Datum));
    int stale = 0;

    for (int i = 0; i < results->count; i++)
    {
        if (!results->applied[i])
            places[stale++] = Int64GetDatum(i + 1);
    }
    memcpy(params, types, sizeof(types));
    params[RECORD_PARAMS] = INT8ARRAYOID;
    results->values[RECORD_PARAMS] = PointerGetDatum(
        construct_array(places, stale, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
    for (int leaf = 0; leaf < HERALD_OUTBOX_LEAVES; leaf++)
    {
        if (!results->leaves[leaf])
            continue;
        results->values[RECORD_LEAF] = Int32GetDatum(leaf);
        if (SPI_execute_with_args(stale_sql, lengthof(params), params, results->values, NULL, false,
                                  0) != SPI_OK_INSERT)
            elog(ERROR, "could not record stale results");
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

Datum
herald_record(PG_FUNCTION_ARGS)
{
    struct results results = { 0 };
    TupleDesc row;
    Datum values[2];
    bool nulls[2] = { false, false };
    int level;

    if (get_call_result_type(fcinfo, NULL, &row) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "herald.record() must return a row");
    results.count = read_arguments(fcinfo, results.values, RECORD_ARRAYS_END);
    find_leaves(results.values[RECORD_LEAVES], results.leaves);
    check_states(&results);
    lock_leaves(results.leaves);
    results.applied = palloc0((size_t) results.count * sizeof(bool) + 1);

    force_synchronous_commit();
    SPI_connect();
    level = herald_pinned_begin();
    for (int leaf = 0; leaf < HERALD_OUTBOX_LEAVES; leaf++)
    {
        if (results.leaves[leaf])
            record_in_leaf(&results, leaf);
    }
    if (results.applied_count < results.count)
        record_stale(&results);
    herald_pinned_end(level);
    SPI_finish();

    values[0] = Int32GetDatum(results.applied_count);
    values[1] = Int32GetDatum(results.count - results.applied_count);
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls)));
}

Datum
herald_release(PG_FUNCTION_ARGS)
{
    Datum values[RELEASE_PARAMS];
    bool leaves[HERALD_OUTBOX_LEAVES] = { false };
    int64 released = 0;
    int level;

    (void) read_arguments(fcinfo, values, RELEASE_PARAMS - 1);
    find_leaves(values[1], leaves);
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
