/* Published template versions never change, so their compiled form is cached: bounded, LRU. */
#ifndef DELIVERY_TEMPLATE_H
#define DELIVERY_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "delivery/delivery.h"
#include "delivery/render.h"
#include "delivery/session.h"

struct template_cache;

/*
 * Called for each delivery that waited. template is NULL when it could not be read: problem says
 * why, or is NULL when the session was lost and reading again will help.
 */
typedef void (*template_ready_fn)(void *user, struct delivery *delivery,
                                  const struct render_template *template, const char *problem);

struct template_cache *template_cache_create(struct session *session, size_t entries_max,
                                             template_ready_fn ready, void *user);
void template_cache_destroy(struct template_cache *cache);

/* Forget who waits; ready is not called for them. */
void template_cache_forget_waiting(struct template_cache *cache);

/* The compiled template of the delivery, or NULL when it is not cached. */
const struct render_template *template_cache_find(struct template_cache *cache,
                                                  const struct delivery *delivery);

/*
 * Read the template of the delivery, once for all that wait for it; ready is called later. False
 * when there is no session to read with.
 */
bool template_cache_fetch(struct template_cache *cache, struct delivery *delivery);

#endif
