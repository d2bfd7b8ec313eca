/* The table of states and edges. */
#include "delivery/state.h"

#include <stddef.h>
#include <string.h>

static const char *const names[DELIVERY_STATE_COUNT] = {
    [DELIVERY_SCHEDULED] = "scheduled",   [DELIVERY_HELD] = "held",
    [DELIVERY_QUEUED] = "queued",         [DELIVERY_CLAIMED] = "claimed",
    [DELIVERY_RETRY] = "retry",           [DELIVERY_SENT] = "sent",
    [DELIVERY_FAILED] = "failed",         [DELIVERY_DEAD] = "dead",
    [DELIVERY_SUPPRESSED] = "suppressed", [DELIVERY_CANCELLED] = "cancelled",
    [DELIVERY_EXPIRED] = "expired",       [DELIVERY_UNKNOWN] = "unknown",
};

static const struct edge
{
    enum delivery_state from;
    enum delivery_state to;
} edges[] = {
#define EDGE(from, to) { DELIVERY_##from, DELIVERY_##to },
#include "delivery/edges.def"
#undef EDGE
};

#define EDGE_COUNT (sizeof(edges) / sizeof(edges[0]))

const char *
state_name(enum delivery_state state)
{
    return names[state];
}

bool
state_from_name(const char *name, enum delivery_state *ret)
{
    for (int i = 0; i < DELIVERY_STATE_COUNT; i++)
    {
        if (strcmp(names[i], name) == 0)
        {
            *ret = (enum delivery_state) i;
            return true;
        }
    }
    return false;
}

bool
state_is_final(enum delivery_state state)
{
    for (size_t i = 0; i < EDGE_COUNT; i++)
    {
        if (edges[i].from == state)
        {
            return false;
        }
    }
    return true;
}

bool
state_edge_is_legal(enum delivery_state from, enum delivery_state to)
{
    for (size_t i = 0; i < EDGE_COUNT; i++)
    {
        if (edges[i].from == from && edges[i].to == to)
        {
            return true;
        }
    }
    return false;
}

void
state_each_edge(state_edge_fn visit, void *user)
{
    for (size_t i = 0; i < EDGE_COUNT; i++)
    {
        visit(names[edges[i].from], names[edges[i].to], user);
    }
}
