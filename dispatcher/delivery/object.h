/*
 * Content of objects that deliveries attach: read from the database or the store once for all
 * deliveries that need it at a time, kept while there is room, never more than a number of bytes.
 */
#ifndef DELIVERY_OBJECT_H
#define DELIVERY_OBJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/loop.h"
#include "delivery/delivery.h"
#include "delivery/session.h"
#include "delivery/store.h"

struct object_cache;

enum object_result
{
    OBJECT_READY,      /* message.attachments is complete, until object_cache_release() */
    OBJECT_REFUSED,    /* the content is unacceptable: code and reason say why */
    OBJECT_UNREADABLE, /* the database or the store refused: reason says why */
    OBJECT_LOST        /* the session was lost, reading again will help */
};

/* Called for each delivery that waited; texts live in its arena. */
typedef void (*object_ready_fn)(void *user, struct delivery *delivery, enum object_result result,
                                const char *code, const char *reason);

struct object_cache *object_cache_create(struct loop *loop, struct session *session,
                                         struct store *store, size_t bytes_max,
                                         object_ready_fn ready, void *user);

/* Nobody waits or holds any more, and the session is closed. */
void object_cache_destroy(struct object_cache *cache);

/* Forget who waits; ready is not called for them. */
void object_cache_forget_waiting(struct object_cache *cache);

/* Does the delivery have all that it attaches? */
bool object_cache_holds(const struct delivery *delivery);

/*
 * Get what the delivery attaches, one after the other with those that wait for room; ready is
 * called later. False when there is no session to read with.
 */
bool object_cache_fetch(struct object_cache *cache, struct delivery *delivery);

/* The delivery needs its content no longer; nothing when it has none. */
void object_cache_release(struct delivery *delivery);

#endif
