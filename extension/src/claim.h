/*
 * A claim under way: what claim.c has taken from the outbox and details.c completes.
 */
#ifndef HERALD_CLAIM_H
#define HERALD_CLAIM_H

#include "funcapi.h"
#include "utils/timestamp.h"

#include "shares.h"

/* Columns of a claimed row: first those that the claiming statement returns, in its order. */
enum claimed_column
{
    CLAIMED_ID,
    CLAIMED_BUCKET,
    CLAIMED_ATTEMPT,
    CLAIMED_FAILURES,
    CLAIMED_NOTIFICATION,
    CLAIMED_RECIPIENT,
    CLAIMED_DEVICE,
    CLAIMED_CATEGORY,
    CLAIMED_TEMPLATE,
    CLAIMED_CREATED_AT,
    CLAIMED_EXPIRES_AT,
    CLAIMED_QUEUED_AT,
    CLAIMED_QUEUE,
    CLAIMED_RETURNED,
    CLAIMED_LEAF = CLAIMED_RETURNED,
    CLAIMED_PRIORITY,
    CLAIMED_TOKENS,
    CLAIMED_POLICY,
    CLAIMED_MAX_ATTEMPTS,
    CLAIMED_MAX_AGE_S,
    CLAIMED_MANDATORY,
    CLAIMED_MAX_SEGMENTS,
    CLAIMED_TOPICS,
    CLAIMED_COLUMNS
};

struct claimed
{
    int priority; /* 0: most urgent */
    int turn;     /* how many rows of its queue were taken before */
    Datum values[CLAIMED_COLUMNS];
    bool nulls[CLAIMED_COLUMNS];
};

struct claim
{
    int64 epoch;
    int channel;
    const char *channel_name;
    int wanted;
    bool filtered;
    Datum buckets; /* integer[], when filtered */
    TimestampTz now;
    int64 now_us; /* the same moment, monotonic */

    int count;
    struct claimed *rows;
    int taken[HERALD_QUEUES]; /* rows by queue */
};

/*
 * Complete the claimed rows, of which there is at least one, with what rendering needs as it is
 * now, and add them to the result, most urgent first, then from the lanes in turn. Connected to
 * SPI, plans pinned.
 */
void herald_return_claimed(struct claim *claim, ReturnSetInfo *result);

#endif
