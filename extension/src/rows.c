/*
 * Rows for SQL: see rows.h.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/queryenvironment.h"
#include "utils/syscache.h"

#include "rows.h"

Oid
herald_own_type(const char *name)
{
    Oid type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(name),
                               ObjectIdGetDatum(get_namespace_oid("herald", false)));

    if (!OidIsValid(type))
        ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
                errmsg("type herald.%s does not exist", name));
    return type;
}

TupleDesc
herald_rows_describe(const struct herald_column *columns, int count)
{
    TupleDesc desc = CreateTemplateTupleDesc(count);

    for (int i = 0; i < count; i++)
    {
        Oid type =
            OidIsValid(columns[i].type) ? columns[i].type : herald_own_type(columns[i].own_type);

        TupleDescInitEntry(desc, (AttrNumber) (i + 1), columns[i].name, type, -1, 0);
    }
    return desc;
}

TupleDesc
herald_rows_shape(struct herald_shape *shape)
{
    TupleDesc columns;

    if (shape->plan != NULL && SPI_plan_is_valid(shape->plan))
        return shape->columns;
    if (shape->plan != NULL)
    {
        SPI_freeplan(shape->plan);
        shape->plan = NULL;
    }
    shape->plan = SPI_prepare(shape->sql, 0, NULL);
    if (shape->plan == NULL || SPI_keepplan(shape->plan) != 0)
        elog(ERROR, "could not prepare \"%s\"", shape->sql);

    columns = ((CachedPlanSource *) linitial(SPI_plan_get_plan_sources(shape->plan)))->resultDesc;
    if (shape->columns == NULL || !equalTupleDescs(shape->columns, columns))
    {
        /* The old ones may be in use further up; they differ after CREATE EXTENSION only. */
        MemoryContext previous = MemoryContextSwitchTo(TopMemoryContext);

        shape->columns = CreateTupleDescCopy(columns);
        MemoryContextSwitchTo(previous);
    }
    return shape->columns;
}

Datum
herald_rows_label(TupleDesc columns, int column, const char *label)
{
    return DirectFunctionCall2(enum_in, CStringGetDatum(label),
                               ObjectIdGetDatum(TupleDescAttr(columns, column)->atttypid));
}

void
herald_rows_show(const char *name, TupleDesc desc, Tuplestorestate *rows, double count)
{
    EphemeralNamedRelation relation = palloc0(sizeof(*relation));

    relation->md.name = pstrdup(name);
    relation->md.tupdesc = desc;
    relation->md.enrtype = ENR_NAMED_TUPLESTORE;
    relation->md.enrtuples = count;
    relation->reldata = rows;
    if (SPI_register_relation(relation) != SPI_OK_REL_REGISTER)
        elog(ERROR, "could not show rows as \"%s\"", name);
}

void
herald_rows_hide(const char *name)
{
    if (SPI_unregister_relation(name) != SPI_OK_REL_UNREGISTER)
        elog(ERROR, "could not hide rows \"%s\"", name);
}
