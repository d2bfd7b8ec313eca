/*
 * The outbox: which leaf to write, and saved plans by leaf.
 *
 * Everything here runs SQL through SPI and expects a caller that is connected to SPI and has
 * pinned the search_path (itself or by its SQL function).
 */
#ifndef HERALD_OUTBOX_H
#define HERALD_OUTBOX_H

#include "executor/spi.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

enum
{
    HERALD_OUTBOX_RING = 12,                     /* leaves that senders write */
    HERALD_OUTBOX_SUSPECTS = HERALD_OUTBOX_RING, /* the leaf after them */
    HERALD_OUTBOX_LEAVES,
    HERALD_OUTBOX_PERIOD_S = 5,
    HERALD_OUTBOX_LANES = 16,
    HERALD_STATEMENT_PARAMS = 24
};

/* A statement that exists once for each leaf; "#" in sql stands for the leaf's table. */
struct herald_leaf_statement
{
    const char *sql;
    int param_count;
    Oid params[HERALD_STATEMENT_PARAMS];
    SPIPlanPtr plans[HERALD_OUTBOX_LEAVES]; /* made at first use, kept for the session */
};

/* The leaf that senders write at this time. */
int herald_outbox_leaf(TimestampTz at);

/*
 * The lane of a sender, by the frozen hash: what waits keeps it, and claims take from lanes in
 * turn. Senders may share one.
 */
int herald_outbox_lane(const char *sender);

/* The table of a leaf. */
Oid herald_outbox_leaf_oid(int leaf);

/* The plan of a statement for a leaf. Generic: it depends on no parameter value. */
SPIPlanPtr herald_outbox_plan(struct herald_leaf_statement *statement, int leaf);

/* Same for a statement without a leaf; *plan is made at first use. */
SPIPlanPtr herald_saved_plan(SPIPlanPtr *plan, const char *sql, int param_count, const Oid *params);

/*
 * Plans of claim and record must not depend on statistics, which for a queue are always wrong:
 * between begin and end only nested loops over indexes are planned. end also undoes it on return
 * from the function; on error the transaction does.
 */
int herald_pinned_begin(void);
void herald_pinned_end(int level);

#endif
