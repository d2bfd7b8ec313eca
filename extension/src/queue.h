/*
 * Queues: what a claim sees of one leaf of the outbox, and takes from it. shares.h says what a
 * queue is.
 *
 * A claim shall not walk over the dead entries that a queue leaves behind while some old snapshot
 * keeps them, so each queue has a lower bound on queued_at in each leaf. The bound is only a hint:
 * it stays behind the clock, and may be ignored (a sweep) for rows that were committed late or
 * given back.
 */
#ifndef HERALD_QUEUE_H
#define HERALD_QUEUE_H

#include "storage/block.h"

#include "claim.h"
#include "shares.h"

#define HERALD_BOUND_LAG_US INT64CONST(1000000)

/* A leaf, as a claim finds it. */
struct herald_leaf
{
    int number;
    BlockNumber blocks; /* 0: it is empty or somebody has locked it, so that it is passed over */
};

/* What a session knows about the queues of one channel in one leaf; all zero: nothing. */
struct herald_known
{
    uint64 waiting;                    /* queues that had more when last looked at */
    TimestampTz bounds[HERALD_QUEUES]; /* of those: nothing was left below */
    TimestampTz bound;                 /* the others had nothing below */
    int64 swept_us;                    /* monotonic time of the last sweep; 0: never */
};

/*
 * Look which queues have rows: without a sweep those that are not known to, from their bound on;
 * with one all of them, from the start. Connected to SPI, plans pinned.
 */
void herald_queue_look(const struct claim *claim, const struct herald_leaf *leaf,
                       struct herald_known *known, bool sweeps);

/*
 * Claim from each queue that waits what its quota allows, and add it to the claim. The quotas are
 * what is left of them then. Connected to SPI, plans pinned.
 */
void herald_queue_take(struct claim *claim, const struct herald_leaf *leaf,
                       struct herald_known *known, int *quotas);

/* The one with the oldest row among the most urgent queues that wait, of which there is one. */
int herald_queue_oldest(const struct herald_known *known);

#endif
