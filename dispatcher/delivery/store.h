/*
 * The S3-compatible store in which content of objects may lie, under its hash. Set up in the
 * database; used for reading by the cache of objects, and for moving by the mover.
 */
#ifndef DELIVERY_STORE_H
#define DELIVERY_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/http.h"
#include "core/loop.h"
#include "delivery/content.h"
#include "delivery/session.h"

struct store;

struct store *store_create(struct loop *loop, struct session *session, struct http *http);

/* The session is closed and the HTTP client gone. */
void store_destroy(struct store *store);

/* Give up what is under way: the HTTP client is gone, nothing is called back. */
void store_abandon(struct store *store);

/* Read from the database what the store is; a new form that cannot be used is logged. */
void store_load(struct store *store);

/* Is there a store that can be used? */
bool store_is_usable(const struct store *store);

/*
 * Get the content of that hash and size into data, which must live until done is called. Results
 * are CONTENT_OK: its hash is right, CONTENT_ABSENT, CONTENT_DAMAGED and CONTENT_FAILED. done may
 * be called from inside.
 */
void store_get(struct store *store, const char *sha256, char *data, size_t size,
               content_done_fn done, void *user);

/* Put content, which lives until done is called, or delete it: CONTENT_OK or CONTENT_FAILED. */
void store_put(struct store *store, const char *sha256, const char *data, size_t size,
               content_done_fn done, void *user);
void store_delete(struct store *store, const char *sha256, content_done_fn done, void *user);

#endif
