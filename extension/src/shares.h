/*
 * Shares: how a claim divides its room among what waits.
 *
 * A queue is what waits on one channel with one priority in one lane of senders; its number is
 * that of the priority, 0 for the most urgent, times HERALD_OUTBOX_LANES plus that of the lane. A
 * set of queues is a mask of their numbers.
 */
#ifndef HERALD_SHARES_H
#define HERALD_SHARES_H

#include "outbox.h"

enum
{
    HERALD_PRIORITIES = 4,
    HERALD_QUEUES = HERALD_PRIORITIES * HERALD_OUTBOX_LANES /* as many as a mask has bits */
};

/* Whose turn it is on a channel; all zero at first. */
struct herald_shares
{
    int due[HERALD_PRIORITIES];  /* how far a priority is behind its share, in weights */
    int next[HERALD_PRIORITIES]; /* lane that the next odd row goes to */
};

/*
 * Divide room among the queues that are not empty: by weight among the priorities, equally among
 * the lanes of one. What does not divide goes to those whose turn it is, so that shares are right
 * over many small claims as well. There are HERALD_QUEUES quotas.
 */
void herald_shares_divide(struct herald_shares *shares, uint64 waiting, int room, int *quotas);

#endif
