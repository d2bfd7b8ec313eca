/*
 * The outbox: see outbox.h.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "doorbell.h"
#include "outbox.h"

static struct herald_leaf_statement put_one = {
    .sql =
        "insert into # (id, bucket, notification, recipient, channel, priority, device, category,"
        " template, created_at, expires_at, queued_at)"
        " values ($1, $2, $3, $4, $5::herald.channel, $6::herald.priority, $7, $8, $9, $10, $11,"
        " $12)",
    .param_count = 12,
    .params = { UUIDOID, INT4OID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, UUIDOID, TEXTOID, TEXTOID,
                TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID },
};

static struct herald_leaf_statement put_many = {
    .sql =
        "insert into # (id, bucket, notification, recipient, channel, priority, device, category,"
        " template, created_at, expires_at, queued_at)"
        " select g.id, g.bucket, g.notification, g.recipient, g.channel::herald.channel,"
        " g.priority::herald.priority, g.device, g.category, g.template, g.created_at,"
        " g.expires_at, $12"
        " from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) as g (id, bucket,"
        " notification, recipient, channel, priority, device, category, template, created_at,"
        " expires_at)",
    .param_count = 12,
    .params = { UUIDARRAYOID, INT4ARRAYOID, UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
                UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID,
                TIMESTAMPTZOID },
};

HERALD_FUNCTION(herald_outbox_leaf_sql);

enum
{
    PUT_COLUMNS = 11
};

int
herald_outbox_leaf(TimestampTz at)
{
    /* Times before 2000 are negative; periods and leaves must go on as after it. */
    const int64 ring_us = HERALD_OUTBOX_LEAVES * HERALD_OUTBOX_PERIOD_S * USECS_PER_SEC;
    int64 in_ring_us = (at % ring_us + ring_us) % ring_us;

    return (int) (in_ring_us / (HERALD_OUTBOX_PERIOD_S * USECS_PER_SEC));
}

Oid
herald_outbox_leaf_oid(int leaf)
{
    char name[NAMEDATALEN];

    snprintf(name, sizeof(name), "outbox_%d", leaf);
    return get_relname_relid(name, get_namespace_oid("herald", false));
}

Datum
herald_outbox_leaf_sql(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT32(herald_outbox_leaf(PG_GETARG_TIMESTAMPTZ(0)));
}

static SPIPlanPtr
prepare(const char *sql, int param_count, const Oid *params)
{
    Oid types[HERALD_STATEMENT_PARAMS];
    SPIPlanPtr plan;

    Assert(param_count <= HERALD_STATEMENT_PARAMS);
    for (int i = 0; i < param_count; i++)
        types[i] = params[i];
    plan = SPI_prepare_cursor(sql, param_count, types, CURSOR_OPT_GENERIC_PLAN);
    if (plan == NULL || SPI_keepplan(plan) != 0)
        elog(ERROR, "could not prepare \"%s\"", sql);
    return plan;
}

SPIPlanPtr
herald_saved_plan(SPIPlanPtr *plan, const char *sql, int param_count, const Oid *params)
{
    if (*plan == NULL)
        *plan = prepare(sql, param_count, params);
    return *plan;
}

SPIPlanPtr
herald_outbox_plan(struct herald_leaf_statement *statement, int leaf)
{
    StringInfoData sql;

    if (statement->plans[leaf] != NULL)
        return statement->plans[leaf];

    initStringInfo(&sql);
    for (const char *c = statement->sql; *c != '\0'; c++)
    {
        if (*c == '#')
            appendStringInfo(&sql, "herald.outbox_%d", leaf);
        else
            appendStringInfoChar(&sql, *c);
    }
    statement->plans[leaf] = prepare(sql.data, statement->param_count, statement->params);
    pfree(sql.data);
    return statement->plans[leaf];
}

static void
row_values(const struct herald_outbox_row *row, Datum *values, char *nulls)
{
    values[0] = UUIDPGetDatum(&row->id);
    values[1] = Int32GetDatum(row->bucket);
    values[2] = UUIDPGetDatum(&row->notification);
    values[3] = PointerGetDatum(row->recipient);
    values[4] = CStringGetTextDatum(row->channel);
    values[5] = CStringGetTextDatum(row->priority);
    values[6] = UUIDPGetDatum(row->device);
    values[7] = PointerGetDatum(row->category);
    values[8] = PointerGetDatum(row->template_name);
    values[9] = TimestampTzGetDatum(row->created_at);
    values[10] = TimestampTzGetDatum(row->expires_at);
    memset(nulls, ' ', PUT_COLUMNS);
    nulls[6] = row->device == NULL ? 'n' : ' ';
    nulls[7] = row->category == NULL ? 'n' : ' ';
    nulls[10] = row->expires ? ' ' : 'n';
}

static void
execute_put(struct herald_leaf_statement *statement, Datum *values, const char *nulls)
{
    TimestampTz now = GetCurrentTimestamp();
    SPIPlanPtr plan = herald_outbox_plan(statement, herald_outbox_leaf(now));

    values[PUT_COLUMNS] = TimestampTzGetDatum(now);
    if (SPI_execute_plan(plan, values, nulls, false, 0) != SPI_OK_INSERT)
        elog(ERROR, "could not insert into the outbox");

    /* Again, because the leaf's trigger stays silent when session_replication_role is replica. */
    herald_doorbell_note();
}

void
herald_outbox_put(const struct herald_outbox_row *row)
{
    Datum values[PUT_COLUMNS + 1];
    char nulls[PUT_COLUMNS + 2] = { [PUT_COLUMNS] = ' ' };

    row_values(row, values, nulls);
    execute_put(&put_one, values, nulls);
}

/* One column of the rows as an array. */
static Datum
column_array(Datum *elements, const char *nulls, int count, Oid array_type)
{
    bool *is_null = palloc((size_t) count * sizeof(bool));
    Oid element_type = get_element_type(array_type);
    int dims[1] = { count };
    int lower[1] = { 1 };
    int16 length;
    bool by_value;
    char align;

    for (int i = 0; i < count; i++)
        is_null[i] = nulls[i] == 'n';
    get_typlenbyvalalign(element_type, &length, &by_value, &align);
    return PointerGetDatum(construct_md_array(elements, is_null, 1, dims, lower, element_type,
                                              length, by_value, align));
}

void
herald_outbox_put_many(const struct herald_outbox_row *rows, int count)
{
    Datum values[PUT_COLUMNS + 1];
    char nulls[PUT_COLUMNS + 2];
    Datum *columns = palloc((size_t) count * PUT_COLUMNS * sizeof(Datum));
    char *column_nulls = palloc((size_t) count * PUT_COLUMNS);

    if (count == 0)
        return;
    for (int i = 0; i < count; i++)
    {
        Datum row[PUT_COLUMNS];
        char row_nulls[PUT_COLUMNS];

        row_values(&rows[i], row, row_nulls);
        for (int c = 0; c < PUT_COLUMNS; c++)
        {
            columns[c * count + i] = row[c];
            column_nulls[c * count + i] = row_nulls[c];
        }
    }
    for (int c = 0; c < PUT_COLUMNS; c++)
        values[c] =
            column_array(columns + c * count, column_nulls + c * count, count, put_many.params[c]);
    memset(nulls, ' ', sizeof(nulls));
    execute_put(&put_many, values, nulls);
    pfree(columns);
    pfree(column_nulls);
}

int
herald_pinned_begin(void)
{
    static const char *const off[] = { "enable_seqscan",  "enable_bitmapscan",
                                       "enable_hashjoin", "enable_mergejoin",
                                       "enable_hashagg",  "enable_material",
                                       "enable_memoize",  "jit" };
    int level = NewGUCNestLevel();

    for (size_t i = 0; i < lengthof(off); i++)
        (void) set_config_option(off[i], "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
                                 0, false);
    (void) set_config_option("join_collapse_limit", "1", PGC_USERSET, PGC_S_SESSION,
                             GUC_ACTION_SAVE, true, 0, false);
    return level;
}

void
herald_pinned_end(int level)
{
    AtEOXact_GUC(true, level);
}
