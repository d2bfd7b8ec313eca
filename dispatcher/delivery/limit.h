/*
 * How often an account may be used: requests per second, minute and day, of which each dispatcher
 * has an equal share. Pure.
 *
 * Second and minute are kept by pacing alone (GCRA): no window of that length, wherever it begins,
 * holds more than the share, rounded up. Of the day's requests the database grants some at a time,
 * see quota.h.
 */
#ifndef DELIVERY_LIMIT_H
#define DELIVERY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "providers/provider.h"

/* This dispatcher among those that run: `place` from 0, in the order of their epochs. */
struct limit_share
{
    int place;
    int dispatchers; /* 0: not known yet */
};

struct limit_pace
{
    int64_t max; /* in a window; 0: no limit */
    int64_t window_us;
    double gap_us;   /* between two requests */
    double slack_us; /* how much earlier than due a request may start, so that short waits don't
                        cost */
    double due_us;
};

struct limit
{
    struct limit_pace second;
    struct limit_pace minute;
    int64_t per_day;     /* 0: no limit */
    int64_t granted;     /* of the day, not used yet */
    int64_t day_ends_ms; /* loop time at which what was granted is void */
    struct limit_share share;
};

/* From the settings max_per_second, max_per_minute, max_per_day; all zero without them. */
void limit_init(struct limit *limit, const struct settings *settings);

/* What was used counts on when an account is replaced by a new form of itself. */
void limit_inherit(struct limit *limit, const struct limit *old);

/*
 * From now on this share is ours. A dispatcher that has just come starts when the others know of
 * it, so that the shares never add up to more than the whole.
 */
void limit_set_share(struct limit *limit, const struct limit_share *share, int64_t now_us);

/* This dispatcher's part of a whole number: all parts together are the whole, and may be 0. */
int limit_part(const struct limit_share *share, int whole);

/* Time until a request may start, 0: now. The day is not looked at. */
int64_t limit_wait_us(const struct limit *limit, int64_t now_us);

/* How many requests may start within the time from now, at most `max`. */
int limit_room(const struct limit *limit, int64_t now_us, int64_t time_us, int max);

/* Is there a request left of what was granted for the day? */
bool limit_has_grant(const struct limit *limit, int64_t now_ms);

/* A request starts. */
void limit_take(struct limit *limit, int64_t now_us);

#endif
