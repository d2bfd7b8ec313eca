/* The parts of a push notification, as all kinds need them. */
#ifndef PROVIDERS_PUSH_H
#define PROVIDERS_PUSH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/json.h"
#include "providers/provider.h"
#include "providers/push_options.h"

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
    struct push_options options;
};

/*
 * Read and check the parts; release them with push_finish(). False with *reterr (class content)
 * when data is no object or uses a name of ours, options are not as they must be, badge is no
 * number, or image no URL.
 */
bool push_read(const struct message *message, struct arena *arena, struct push_parts *ret,
               struct provider_error *reterr);
/* The same for kinds that always show a notification: refused when there is nothing to show. */
bool push_read_visible(const struct message *message, struct arena *arena, struct push_parts *ret,
                       struct provider_error *reterr);
void push_finish(struct push_parts *parts);

/* Is there a text? And the refusal (always false) when there must be one. */
bool push_has_text(const struct push_parts *parts);
bool push_refuse_empty(struct provider_error *reterr);

/* The alert dictionary of aps. */
json *push_alert(const struct push_parts *parts);

/*
 * The aps dictionary of a push type: the alert if it is wanted and there is one, live activity,
 * badge and so on, then what `aps` of data says. A background push shows nothing.
 */
json *push_make_aps(const struct message *message, const struct push_parts *parts,
                    const struct push_type *type, bool alert);

#endif
