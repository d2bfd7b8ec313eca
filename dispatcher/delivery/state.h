/* States of a delivery and the legal changes between them. */
#ifndef DELIVERY_STATE_H
#define DELIVERY_STATE_H

#include <stdbool.h>

/* In the order of herald.delivery_state. */
enum delivery_state
{
    DELIVERY_SCHEDULED,
    DELIVERY_HELD,
    DELIVERY_QUEUED,
    DELIVERY_CLAIMED,
    DELIVERY_RETRY,
    DELIVERY_SENT,
    DELIVERY_FAILED,
    DELIVERY_DEAD,
    DELIVERY_SUPPRESSED,
    DELIVERY_CANCELLED,
    DELIVERY_EXPIRED,
    DELIVERY_UNKNOWN,
    DELIVERY_STATE_COUNT
};

/* The name SQL uses. */
const char *state_name(enum delivery_state state);

/* A state by that name; false when there is none. */
bool state_from_name(const char *name, enum delivery_state *ret);

/* Nothing leaves a final state. */
bool state_is_final(enum delivery_state state);

/* Is the change in edges.def? */
bool state_edge_is_legal(enum delivery_state from, enum delivery_state to);

/* Visit all edges in the order of edges.def. */
typedef void (*state_edge_fn)(const char *from, const char *to, void *user);
void state_each_edge(state_edge_fn visit, void *user);

#endif
