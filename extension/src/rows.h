/*
 * Rows that C hands to SQL: a tuplestore that statements of the current SPI connection read like a
 * table. Much cheaper than arrays through unnest(), which stores every column apart.
 */
#ifndef HERALD_ROWS_H
#define HERALD_ROWS_H

#include "access/tupdesc.h"
#include "executor/spi.h"
#include "utils/tuplestore.h"

struct herald_column
{
    const char *name;
    Oid type;             /* InvalidOid: own_type */
    const char *own_type; /* name of a type in schema herald */
};

/* Oid of a type in schema herald. Raises 42704 when there is none. */
Oid herald_own_type(const char *name);

/* Rows of these columns; allocated in the current context. */
TupleDesc herald_rows_describe(const struct herald_column *columns, int count);

/* Columns that are kept for the session, for statements that may not spend time on them. */
struct herald_shape
{
    const char *sql; /* a query with these columns; it is never executed */
    SPIPlanPtr plan; /* tells when types may have changed */
    TupleDesc columns;
};

/* The columns of a shape, not to be freed. Expects a connection to SPI. */
TupleDesc herald_rows_shape(struct herald_shape *shape);

/* The value of an enum for a column. */
Datum herald_rows_label(TupleDesc columns, int column, const char *label);

/*
 * Show rows under a name to statements, which may be saved: until herald_rows_hide() or the end of
 * the SPI connection. count is how many the planner shall expect.
 */
void herald_rows_show(const char *name, TupleDesc desc, Tuplestorestate *rows, double count);
void herald_rows_hide(const char *name);

#endif
