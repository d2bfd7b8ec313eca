/*
 * The rows of a send: notifications and their deliveries, each where it belongs.
 */
#ifndef HERALD_STORE_H
#define HERALD_STORE_H

#include "target.h"

/* All deliveries of one call, those of a target together and in the order of the targets. */
struct herald_batch
{
    const struct herald_request *request;
    text *key; /* idempotency key, NULL: none */
    struct herald_target *targets;
    int target_count;
    struct herald_delivery *deliveries;
    int count;
};

/*
 * Store all of it. Expects a connection to SPI and an active snapshot, which need not see anything.
 */
void herald_store(const struct herald_batch *batch);

#endif
