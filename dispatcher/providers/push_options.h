/* The part `options` of push notifications: what Apple's devices and FCM know besides the text. */
#ifndef PROVIDERS_PUSH_OPTIONS_H
#define PROVIDERS_PUSH_OPTIONS_H

#include <stdbool.h>

#include "core/arena.h"
#include "core/json.h"
#include "providers/provider.h"

#define PUSH_PRIORITIES_MAX 3
#define PUSH_TYPE_NAMES                                                                            \
    "alert, background, complication, controls, fileprovider, liveactivity, location, "            \
    "pushtotalk, voip or widgets"

struct push_type
{
    const char *name;
    const char *topic_suffix;            /* what follows the bundle id in APNs' topic */
    int priorities[PUSH_PRIORITIES_MAX]; /* those it may have, the usual one first; then 0 */
    bool visible;                        /* must show something */
};

/* A push type by its name, or NULL. */
const struct push_type *push_type_find(const char *name);

struct push_options
{
    json *root;                   /* NULL: absent */
    const json *live_activity;    /* object or NULL */
    const struct push_type *type; /* NULL: not said */
};

/*
 * Read and check the part; release it with push_options_finish(). False with *reterr (class
 * content, code bad_options) naming the member.
 */
bool push_options_read(const struct message *message, struct push_options *ret, struct arena *arena,
                       struct provider_error *reterr);
void push_options_finish(struct push_options *options);

/* APNs' priority for a push type; false with *reterr when the type cannot have the chosen one. */
bool push_options_priority(const struct push_options *options, const struct push_type *type,
                           const char **ret, struct arena *arena, struct provider_error *reterr);

/* Put what aps gets: category, content-available, interruption-level, relevance-score. */
void push_options_put_aps(json *aps, const struct push_options *options);

/* Put what aps says of a live activity; the message's time is the timestamp unless one is given. */
void push_options_put_live(json *aps, const struct push_options *options,
                           const struct message *message);

#endif
