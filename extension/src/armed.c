/*
 * Armed: see armed.h.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

#include "armed.h"
#include "compat.h"
#include "outbox.h"

static struct
{
    bool registered;
    bool known; /* until the table changes */
    bool armed; /* when known */
    Oid table;
    uint64 generation; /* rises with each change */
} cache;

HERALD_FUNCTION(herald_is_armed_sql);

/* Must not do more than note. */
static void
note_invalidation(Datum argument, Oid relation)
{
    (void) argument;
    if (relation == InvalidOid || relation == cache.table)
    {
        cache.known = false;
        cache.generation++;
    }
}

static bool
names_this_database(HeapTuple row, TupleDesc desc)
{
    bool is_null[2];
    Datum cluster = SPI_getbinval(row, desc, 1, &is_null[0]);
    Datum database = SPI_getbinval(row, desc, 2, &is_null[1]);

    return !is_null[0] && !is_null[1] && (uint64) DatumGetInt64(cluster) == GetSystemIdentifier() &&
           DatumGetObjectId(database) == MyDatabaseId;
}

/* Read the newest row. */
static bool
read_armed(void)
{
    static SPIPlanPtr plan;

    (void) herald_saved_plan(&plan,
                             "select a.system_identifier, a.database from herald.armed a"
                             " order by a.armed_at desc limit 1",
                             0, NULL);
    if (SPI_execute_plan(plan, NULL, NULL, false, 1) != SPI_OK_SELECT)
        elog(ERROR, "could not read herald.armed");
    return SPI_processed == 1 && names_this_database(SPI_tuptable->vals[0], SPI_tuptable->tupdesc);
}

bool
herald_is_armed(void)
{
    uint64 generation;
    bool armed;

    if (!cache.registered)
        CacheRegisterRelcacheCallback(note_invalidation, (Datum) 0);
    cache.registered = true;
    if (cache.known)
        return cache.armed;

    cache.table = get_relname_relid("armed", get_namespace_oid("herald", false));
    generation = cache.generation;
    armed = read_armed();
    /* An old snapshot may show what no later transaction should see. */
    cache.known = generation == cache.generation && !IsolationUsesXactSnapshot();
    cache.armed = armed;
    return armed;
}

Datum
herald_is_armed_sql(PG_FUNCTION_ARGS)
{
    bool armed;

    (void) fcinfo;
    SPI_connect();
    armed = herald_is_armed();
    SPI_finish();
    PG_RETURN_BOOL(armed);
}
