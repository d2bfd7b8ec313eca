/*
 * Moves content of objects to the store and deletes there what no object has any more: one at a
 * time, in the background, shared with other dispatchers.
 */
#ifndef DELIVERY_MOVER_H
#define DELIVERY_MOVER_H

#include "core/loop.h"
#include "delivery/session.h"
#include "delivery/store.h"

struct mover;

struct mover *mover_create(struct loop *loop, struct session *session, struct store *store);

/* The session is closed and the store's transfers are given up. */
void mover_destroy(struct mover *mover);

/* Begin nothing more. What is under way is repeated by somebody, if it does not end in time. */
void mover_stop(struct mover *mover);

#endif
