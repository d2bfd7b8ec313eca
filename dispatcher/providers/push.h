/* The parts of a push notification, as APNs and FCM both need them. */
#ifndef PROVIDERS_PUSH_H
#define PROVIDERS_PUSH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/json.h"
#include "providers/provider.h"

/* NULL: absent. */
struct push_parts
{
    const char *title;
    const char *subtitle;
    const char *body;
    const char *sound;
    const char *image; /* https URL */
    const char *collapse_key;
    const char *thread_id;
    int64_t badge; /* -1: absent */
    json *data;    /* object */
    json *aps;     /* member "aps" of data: goes into the aps dictionary, not to the app */
};

/*
 * Read and check the parts; release them with push_finish(). False with *reterr (class content)
 * when there is nothing to show, data is no object or uses a name of ours, badge is no number, or
 * image no URL.
 */
bool push_read(const struct message *message, struct arena *arena, struct push_parts *ret,
               struct provider_error *reterr);
void push_finish(struct push_parts *parts);

/* The alert dictionary of aps. */
json *push_alert(const struct push_parts *parts);

/* Put what aps holds besides the alert: badge, sound, thread-id, mutable-content. */
void push_put_aps(json *aps, const struct push_parts *parts);

#endif
