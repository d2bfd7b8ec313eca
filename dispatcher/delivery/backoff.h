/* What follows from an outcome: the next state, the failures counted and the wait. Pure. */
#ifndef DELIVERY_BACKOFF_H
#define DELIVERY_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#include "delivery/state.h"
#include "providers/provider.h"

/* No wait is longer, whatever a provider asks for. */
#define BACKOFF_MAX_MS (INT64_C(3600) * 1000)

struct backoff_case
{
    enum outcome_class class;
    bool at_most_once;  /* policy of the category: never repeat an unknown outcome */
    bool other_address; /* token_invalid: the device has another token to try */
    int attempt;        /* number of this claim, from 1 */
    int failures;       /* counted before this attempt */
    int max_attempts;   /* failures at which the delivery is dead */
    int64_t age_ms;     /* since the notification was created */
    int64_t max_age_ms; /* age at which the delivery is dead */
    int64_t hint_ms;    /* what the provider asked for; -1: nothing */
    int64_t pause_ms;   /* throttle, config: how long the account stays paused */
    uint32_t random;    /* jitter: uniform over the whole range */
};

struct backoff_next
{
    enum delivery_state state;
    int failures;
    int64_t delay_ms; /* for DELIVERY_RETRY; else 0 */
};

/* The next step of a delivery; the same case always gives the same answer. */
struct backoff_next backoff_decide(const struct backoff_case *given);

/*
 * Exponential wait with full jitter: uniform in 0 .. base_ms << exponent, and at most max_ms.
 * exponent counts from 0.
 */
int64_t backoff_jitter_ms(int64_t base_ms, int exponent, int64_t max_ms, uint32_t random);

#endif
