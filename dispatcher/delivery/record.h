/*
 * Writes results back: batched, pipelined, repeated after a lost session, and never losing a batch
 * to one bad row.
 */
#ifndef DELIVERY_RECORD_H
#define DELIVERY_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "core/loop.h"
#include "delivery/delivery.h"
#include "delivery/metrics.h"
#include "delivery/session.h"

struct recorder;

/* freed is called (not from inside record_add) when results were recorded and credit is back. */
struct recorder *record_create(struct loop *loop, struct session *session, struct metrics *metrics,
                               void (*freed)(void *user), void *user);
/* Results that were not recorded are lost. */
void record_destroy(struct recorder *recorder);

/*
 * Record the delivery's state and result; takes it over. A delivery in state queued is given back
 * instead: another attempt, no result.
 */
void record_add(struct recorder *recorder, struct delivery *delivery);

/* Write what there is now, without waiting for more. */
void record_flush(struct recorder *recorder);

/* The session has joined its epoch: write what waited. */
void record_session_ready(struct recorder *recorder);

/* Deliveries not yet recorded. */
size_t record_pending(const struct recorder *recorder);

/* Is this claim among them? */
bool record_holds(const struct recorder *recorder, const char *id, int attempt);

#endif
