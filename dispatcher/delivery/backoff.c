/* The policy table: outcome class × category policy × budget -> what happens next. */
#include "delivery/backoff.h"

#include <stddef.h>

#define FIRST_WAIT_MS 1000
/* Deliveries that wait for a paused account come back spread over this much more. */
#define PAUSE_SPREAD_MAX_MS (INT64_C(300) * 1000)

static const struct rule
{
    enum delivery_state state;
    bool counts; /* against max_attempts */
} rules[OUTCOME_CLASS_COUNT] = {
    [OUTCOME_ACCEPTED] = { DELIVERY_SENT, false },
    [OUTCOME_RETRY] = { DELIVERY_RETRY, true },
    [OUTCOME_THROTTLE] = { DELIVERY_RETRY, false },
    [OUTCOME_TOKEN_INVALID] = { DELIVERY_FAILED, false },
    [OUTCOME_SUPPRESSED] = { DELIVERY_SUPPRESSED, false },
    [OUTCOME_CONTENT] = { DELIVERY_FAILED, false },
    [OUTCOME_CONFIG] = { DELIVERY_RETRY, false },
    [OUTCOME_UNKNOWN] = { DELIVERY_RETRY, true },
};

int64_t
backoff_jitter_ms(int64_t base_ms, int exponent, int64_t max_ms, uint32_t random)
{
    int64_t ceiling = base_ms;

    for (int i = 0; i < exponent && ceiling < max_ms; i++)
    {
        ceiling *= 2;
    }
    if (ceiling > max_ms)
    {
        ceiling = max_ms;
    }
    return (int64_t) (((uint64_t) ceiling * random) >> 32);
}

static int64_t
clamp(int64_t value)
{
    if (value < 0)
    {
        return 0;
    }
    return value < BACKOFF_MAX_MS ? value : BACKOFF_MAX_MS;
}

/* The wait before the next attempt, jitter on top of what somebody asked for. */
static int64_t
delay(const struct backoff_case *given, int failures)
{
    bool paused = given->class == OUTCOME_THROTTLE || given->class == OUTCOME_CONFIG;
    int64_t least = clamp(given->hint_ms);
    int64_t jitter;

    if (paused)
    {
        int64_t pause = clamp(given->pause_ms);

        least = pause > least ? pause : least;
        jitter = backoff_jitter_ms(FIRST_WAIT_MS, given->attempt - 1, PAUSE_SPREAD_MAX_MS,
                                   given->random);
    }
    else if (given->hint_ms >= 0)
    {
        jitter = backoff_jitter_ms(FIRST_WAIT_MS, 0, FIRST_WAIT_MS, given->random);
    }
    else
    {
        jitter = backoff_jitter_ms(FIRST_WAIT_MS, failures - 1, BACKOFF_MAX_MS, given->random);
    }
    return clamp(least + jitter);
}

struct backoff_next
backoff_decide(const struct backoff_case *given)
{
    struct rule rule = rules[given->class];
    struct backoff_next next = { .state = rule.state, .failures = given->failures };

    if (given->class == OUTCOME_UNKNOWN && given->at_most_once)
    {
        next.state = DELIVERY_UNKNOWN;
        return next;
    }
    if (given->class == OUTCOME_TOKEN_INVALID && given->other_address)
    {
        next.state = DELIVERY_RETRY;
    }
    if (next.state != DELIVERY_RETRY)
    {
        return next;
    }
    next.failures += rule.counts ? 1 : 0;
    if (next.failures >= given->max_attempts || given->age_ms >= given->max_age_ms)
    {
        next.state = DELIVERY_DEAD;
        return next;
    }
    next.delay_ms = given->class == OUTCOME_TOKEN_INVALID ? 0 : delay(given, next.failures);
    return next;
}
