/*
 * Results that a dispatcher hands in: the arrays of herald.record() as rows for its statements.
 */
#ifndef HERALD_RESULTS_H
#define HERALD_RESULTS_H

#include "fmgr.h"
#include "utils/timestamp.h"

#include "outbox.h"

enum
{
    RESULT_FIRST_ARRAY = 1, /* number of the parameter, from 0; the arrays follow each other */
    RESULT_ARRAYS = 20
};

/* One call's results; element n of every array is one of them, or the only element is all. */
struct herald_results
{
    int64 epoch;
    TimestampTz now;
    int count;
    Datum *values[RESULT_ARRAYS];
    bool *nulls[RESULT_ARRAYS];
    bool is_common[RESULT_ARRAYS];     /* one element stands for all */
    bool leaves[HERALD_OUTBOX_LEAVES]; /* where claims lie */
    bool *applied;                     /* by place, from 0; all false at first */
};

/* What the rows have among them: statements leave out what nothing asks for. */
struct herald_results_kinds
{
    bool retries;
    bool tokens;
    bool addresses;
    bool tries;
};

/* Read and check the arguments of herald.record(). Raises 2202E, 22004, 22023. */
void herald_results_read(struct herald_results *results, FunctionCallInfo fcinfo);

/*
 * Make the results of a leaf that are not applied known to SQL of this SPI connection, as a table
 * "given": place, bucket (null: the id is none of ours) and a column for each array. Until
 * herald_results_hide().
 */
void herald_results_show(const struct herald_results *results, int leaf,
                         struct herald_results_kinds *kinds);
void herald_results_hide(void);

/*
 * Leaves of an array of their numbers. Raises 22023 when one is none.
 */
void herald_find_leaves(Datum array, bool *leaves);

/* Number of elements of an array of one dimension; raises 2202E for another. */
int herald_array_count(Datum array);

#endif
