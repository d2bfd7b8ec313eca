/*
 * The outbox: see outbox.h.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "ids.h"
#include "outbox.h"

HERALD_FUNCTION(herald_outbox_leaf_sql);
HERALD_FUNCTION(herald_lane_sql);

int
herald_outbox_leaf(TimestampTz at)
{
    /* Times before 2000 are negative; periods and leaves must go on as after it. */
    const int64 ring_us = HERALD_OUTBOX_RING * HERALD_OUTBOX_PERIOD_S * USECS_PER_SEC;
    int64 in_ring_us = (at % ring_us + ring_us) % ring_us;

    return (int) (in_ring_us / (HERALD_OUTBOX_PERIOD_S * USECS_PER_SEC));
}

int
herald_outbox_lane(const char *sender)
{
    return (int) (herald_bucket(sender, strlen(sender)) % HERALD_OUTBOX_LANES);
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

Datum
herald_lane_sql(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT16((int16) herald_outbox_lane(text_to_cstring(PG_GETARG_TEXT_PP(0))));
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
