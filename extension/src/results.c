/*
 * Results handed in: see results.h.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "ids.h"
#include "instant.h"
#include "results.h"
#include "rows.h"

#define SHOWN "given"

/* The arrays, in their order. */
enum array
{
    ARRAY_LEAF,
    ARRAY_ID,
    ARRAY_ATTEMPT,
    ARRAY_STATE,
    ARRAY_CLASS,
    ARRAY_PROVIDER,
    ARRAY_PHASE,
    ARRAY_STATUS,
    ARRAY_CODE,
    ARRAY_REASON,
    ARRAY_PROVIDER_ID,
    ARRAY_STARTED,
    ARRAY_LATENCY,
    ARRAY_FAILURES,
    ARRAY_DUE,
    ARRAY_TOKEN,
    ARRAY_TOKEN_STATE,
    ARRAY_EVIDENCE,
    ARRAY_ADDRESS,
    ARRAY_TRIES,
    COLUMN_PLACE = RESULT_ARRAYS, /* columns of a row beside the arrays' */
    COLUMN_BUCKET,
    COLUMNS
};

static const struct herald_column columns[COLUMNS] = {
    { "leaf", INT4OID, NULL },
    { "id", UUIDOID, NULL },
    { "attempt", INT4OID, NULL },
    { "state", InvalidOid, "delivery_state" },
    { "class", InvalidOid, "outcome_class" },
    { "provider", TEXTOID, NULL },
    { "phase", TEXTOID, NULL },
    { "status", INT4OID, NULL },
    { "code", TEXTOID, NULL },
    { "reason", TEXTOID, NULL },
    { "provider_id", TEXTOID, NULL },
    { "started_at", TIMESTAMPTZOID, NULL },
    { "latency_us", INT8OID, NULL },
    { "failures", INT4OID, NULL },
    { "due_at", TIMESTAMPTZOID, NULL },
    { "token", UUIDOID, NULL },
    { "token_state", InvalidOid, "token_state" },
    { "evidence_at", TIMESTAMPTZOID, NULL },
    { "address", TEXTOID, NULL },
    { "tries", JSONBOID, NULL },
    { "place", INT4OID, NULL },
    { "bucket", INT4OID, NULL },
};

/* Where a claimed delivery may go, as herald.delivery_edge has it; back to queued is release. */
static const char *const outcomes[] = { "retry",      "sent",    "failed", "dead",
                                        "suppressed", "expired", "unknown" };

/* Index of a result in an array: one element stands for all. */
static int
index_of(const struct herald_results *results, enum array array, int place)
{
    return results->is_common[array] ? 0 : place;
}

static Datum
value_of(const struct herald_results *results, enum array array, int place)
{
    return results->values[array][index_of(results, array, place)];
}

static bool
is_null(const struct herald_results *results, enum array array, int place)
{
    return results->nulls[array][index_of(results, array, place)];
}

int
herald_array_count(Datum array)
{
    ArrayType *value = DatumGetArrayTypeP(array);

    if (ARR_NDIM(value) > 1)
        ereport(ERROR, errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
                errmsg("arrays must have one dimension"));
    return ArrayGetNItems(ARR_NDIM(value), ARR_DIMS(value));
}

static void
mark_leaves(const Datum *elements, const bool *nulls, int count, bool *leaves)
{
    for (int i = 0; i < count; i++)
    {
        int32 leaf = nulls[i] ? -1 : DatumGetInt32(elements[i]);

        if (leaf < 0 || leaf >= HERALD_OUTBOX_LEAVES)
            ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("leaf must be between 0 and %d", HERALD_OUTBOX_LEAVES - 1));
        leaves[leaf] = true;
    }
}

void
herald_find_leaves(Datum array, bool *leaves)
{
    Datum *elements;
    bool *nulls;
    int count;

    deconstruct_array(DatumGetArrayTypeP(array), INT4OID, sizeof(int32), true, TYPALIGN_INT,
                      &elements, &nulls, &count);
    mark_leaves(elements, nulls, count, leaves);
}

static bool
is_outcome(text *state)
{
    for (size_t i = 0; i < lengthof(outcomes); i++)
    {
        if (strlen(outcomes[i]) == (size_t) VARSIZE_ANY_EXHDR(state) &&
            memcmp(outcomes[i], VARDATA_ANY(state), VARSIZE_ANY_EXHDR(state)) == 0)
            return true;
    }
    return false;
}

static bool
is_retry(const struct herald_results *results, int place)
{
    text *state = DatumGetTextPP(value_of(results, ARRAY_STATE, place));

    return VARSIZE_ANY_EXHDR(state) == 5 && memcmp(VARDATA_ANY(state), "retry", 5) == 0;
}

static void
check_states(const struct herald_results *results)
{
    for (int i = 0; i < results->count; i++)
    {
        bool unknown = is_null(results, ARRAY_STATE, i);
        Datum state = value_of(results, ARRAY_STATE, i);

        if (unknown || !is_outcome(DatumGetTextPP(state)))
            ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("a claimed delivery cannot become \"%.64s\"",
                           unknown ? "" : TextDatumGetCString(state)));
        if (is_retry(results, i) && is_null(results, ARRAY_DUE, i))
            ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("a retry needs a time at which it is due"));
    }
}

static void
read_array(struct herald_results *results, int number, ArrayType *array)
{
    int16 length;
    bool by_value;
    char align;
    int count = herald_array_count(PointerGetDatum(array));

    if (count != results->count && (count != 1 || number == ARRAY_ID))
        ereport(ERROR, errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
                errmsg("arrays must have the same length"),
                errdetail("There are %d ids, argument %d has %d elements.", results->count,
                          RESULT_FIRST_ARRAY + number + 1, count));
    results->is_common[number] = count != results->count;
    get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &align);
    deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, align, &results->values[number],
                      &results->nulls[number], &count);
}

void
herald_results_read(struct herald_results *results, FunctionCallInfo fcinfo)
{
    for (int i = 0; i < PG_NARGS(); i++)
    {
        if (PG_ARGISNULL(i))
            ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                    errmsg("argument %d must not be null", i + 1),
                    errhint("Elements of arrays may be null."));
    }
    memset(results, 0, sizeof(*results));
    results->epoch = PG_GETARG_INT64(0);
    results->now = herald_from_unix(PG_GETARG_INT64(RESULT_FIRST_ARRAY + RESULT_ARRAYS));
    results->count = herald_array_count(PG_GETARG_DATUM(RESULT_FIRST_ARRAY + ARRAY_ID));
    for (int i = 0; i < RESULT_ARRAYS; i++)
        read_array(results, i, PG_GETARG_ARRAYTYPE_P(RESULT_FIRST_ARRAY + i));
    mark_leaves(results->values[ARRAY_LEAF], results->nulls[ARRAY_LEAF],
                results->is_common[ARRAY_LEAF] ? 1 : results->count, results->leaves);
    check_states(results);
    results->applied = palloc0((size_t) results->count * sizeof(bool) + 1);
}

/* The last label of a column and what it is as a value: neighbours mostly have the same. */
struct label
{
    text *text;
    Datum value;
};

static Datum
label_value(struct label *label, Datum datum, Oid type)
{
    text *name = DatumGetTextPP(datum);

    if (label->text == NULL || VARSIZE_ANY_EXHDR(label->text) != VARSIZE_ANY_EXHDR(name) ||
        memcmp(VARDATA_ANY(label->text), VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)) != 0)
    {
        label->value = DirectFunctionCall2(enum_in, CStringGetDatum(TextDatumGetCString(datum)),
                                           ObjectIdGetDatum(type));
        label->text = name;
    }
    return label->value;
}

static void
fill_row(const struct herald_results *results, int place, TupleDesc desc, struct label *labels,
         Datum *values, bool *nulls)
{
    for (int i = 0; i < RESULT_ARRAYS; i++)
    {
        nulls[i] = is_null(results, i, place);
        if (nulls[i])
            continue;
        values[i] = value_of(results, i, place);
        if (columns[i].own_type != NULL)
            values[i] = label_value(&labels[i], values[i], TupleDescAttr(desc, i)->atttypid);
        else if (columns[i].type == TIMESTAMPTZOID)
            values[i] = TimestampTzGetDatum(herald_from_unix(DatumGetInt64(values[i])));
    }
    values[COLUMN_PLACE] = Int32GetDatum(place);
    nulls[COLUMN_PLACE] = false;
    nulls[COLUMN_BUCKET] = nulls[ARRAY_ID] || !herald_id_is_ours(DatumGetUUIDP(values[ARRAY_ID]));
    if (!nulls[COLUMN_BUCKET])
        values[COLUMN_BUCKET] = Int32GetDatum(herald_id_bucket(DatumGetUUIDP(values[ARRAY_ID])));
}

void
herald_results_show(const struct herald_results *results, int leaf,
                    struct herald_results_kinds *kinds)
{
    TupleDesc desc = herald_rows_describe(columns, COLUMNS);
    Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);
    struct label labels[RESULT_ARRAYS] = { { NULL, 0 } };
    Datum values[COLUMNS] = { 0 };
    bool nulls[COLUMNS];

    memset(kinds, 0, sizeof(*kinds));
    for (int i = 0; i < results->count; i++)
    {
        if (results->applied[i] || DatumGetInt32(value_of(results, ARRAY_LEAF, i)) != leaf)
            continue;
        fill_row(results, i, desc, labels, values, nulls);
        tuplestore_putvalues(rows, desc, values, nulls);
        kinds->retries = kinds->retries || is_retry(results, i);
        kinds->tokens = kinds->tokens || !nulls[ARRAY_TOKEN];
        kinds->addresses = kinds->addresses || !nulls[ARRAY_ADDRESS];
        kinds->tries = kinds->tries || !nulls[ARRAY_TRIES];
    }
    herald_rows_show(SHOWN, desc, rows, results->count);
}

void
herald_results_hide(void)
{
    herald_rows_hide(SHOWN);
}
