/*
 * Takes deliveries out of the outbox: as many as there is credit for, at once when the doorbell
 * rings, and asleep when there is nothing to take.
 */
#ifndef DELIVERY_CLAIM_H
#define DELIVERY_CLAIM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/loop.h"
#include "delivery/delivery.h"
#include "delivery/metrics.h"
#include "delivery/session.h"

struct claimer;

struct claim_events
{
    /* How many deliveries of the channel can be taken now. */
    int (*credit)(void *user, enum channel channel);
    /* A claimed delivery, handed over. */
    void (*claimed)(void *user, struct delivery *delivery);
    /* All deliveries of one claim were handed over. */
    void (*claims_end)(void *user);
    /* Is the delivery with this id in our hands, claimed but not yet recorded? */
    bool (*is_known)(void *user, const char *id, int attempt);
    /* Every channel with credit was found empty. */
    void (*idle)(void *user);
};

/* channels: bit set of enum channel. */
struct claimer *claim_create(struct loop *loop, struct session *session, struct metrics *metrics,
                             unsigned channels, const struct claim_events *events, void *user);
void claim_destroy(struct claimer *claimer);

/* Look into every channel again. */
void claim_wake(struct claimer *claimer);

/* The doorbell rang: arm it again and look, at once or, when it rang for others, a little later. */
void claim_doorbell(struct claimer *claimer);

/* The session (re)joined its epoch: what an interrupted claim may have taken is given back first.
 */
void claim_session_ready(struct claimer *claimer);

/* Claim where there is credit and something may wait. */
void claim_pump(struct claimer *claimer);

/* No more claims. */
void claim_stop(struct claimer *claimer);

/* Is no claim under way? */
bool claim_is_quiet(const struct claimer *claimer);

#endif
