/* Pacing by the generic cell rate algorithm. */
#include "delivery/limit.h"

#define SECOND_US INT64_C(1000000)
#define MINUTE_US (60 * SECOND_US)
/* Of a window's requests one in so many may come early. */
#define EARLY_SHARE 10
/* Others know of a new dispatcher with their next heartbeat. */
#define SETTLE_US (5 * SECOND_US / 2)
/* While the share is unknown. */
#define LOOK_US (SECOND_US / 10)

void
limit_init(struct limit *limit, const struct settings *settings)
{
    *limit = (struct limit){
        .second = { .max = settings_get_int(settings, "max_per_second", 0),
                    .window_us = SECOND_US },
        .minute = { .max = settings_get_int(settings, "max_per_minute", 0),
                    .window_us = MINUTE_US },
        .per_day = settings_get_int(settings, "max_per_day", 0),
    };
}

void
limit_inherit(struct limit *limit, const struct limit *old)
{
    limit->second.due_us = old->second.due_us;
    limit->minute.due_us = old->minute.due_us;
    limit->granted = limit->per_day > 0 ? old->granted : 0;
    limit->day_ends_ms = old->day_ends_ms;
}

/* In a window there are at most the requests that may come early and one for each gap. */
static void
set_gap(struct limit_pace *pace, int dispatchers, int64_t start_us)
{
    double share = (double) pace->max / dispatchers;
    int64_t early = (int64_t) share / EARLY_SHARE;

    if (pace->max > 0)
    {
        pace->gap_us = (double) pace->window_us / (share - (double) early);
        pace->slack_us = (double) early * pace->gap_us;
        pace->due_us =
            pace->due_us > (double) start_us ? pace->due_us : (double) start_us + pace->slack_us;
    }
}

void
limit_set_share(struct limit *limit, const struct limit_share *share, int64_t now_us)
{
    bool newcomer = limit->share.dispatchers == 0 && share->dispatchers > 1;
    int64_t start_us = newcomer ? now_us + SETTLE_US : now_us;

    if (share->dispatchers > 0 && share->dispatchers != limit->share.dispatchers)
    {
        set_gap(&limit->second, share->dispatchers, start_us);
        set_gap(&limit->minute, share->dispatchers, start_us);
    }
    limit->share = *share;
}

int
limit_part(const struct limit_share *share, int whole)
{
    if (share->dispatchers <= 1)
    {
        return whole;
    }
    return whole / share->dispatchers + (share->place < whole % share->dispatchers ? 1 : 0);
}

static int64_t
pace_wait_us(const struct limit_pace *pace, int64_t now_us)
{
    double wait = pace->due_us - pace->slack_us - (double) now_us;

    if (pace->max > 0 && pace->gap_us <= 0)
    {
        return LOOK_US;
    }
    return pace->max > 0 && wait >= 1 ? (int64_t) wait + 1 : 0;
}

int64_t
limit_wait_us(const struct limit *limit, int64_t now_us)
{
    int64_t second = pace_wait_us(&limit->second, now_us);
    int64_t minute = pace_wait_us(&limit->minute, now_us);

    return second > minute ? second : minute;
}

static int
pace_room(const struct limit_pace *pace, int64_t now_us, int64_t time_us, int max)
{
    double due = pace->due_us > (double) now_us ? pace->due_us : (double) now_us;
    double spare = (double) (now_us + time_us) + pace->slack_us - due;

    if (pace->max == 0)
    {
        return max;
    }
    if (spare < 0 || pace->gap_us <= 0)
    {
        return 0;
    }
    return spare / pace->gap_us < max - 1 ? (int) (spare / pace->gap_us) + 1 : max;
}

int
limit_room(const struct limit *limit, int64_t now_us, int64_t time_us, int max)
{
    return pace_room(&limit->minute, now_us, time_us,
                     pace_room(&limit->second, now_us, time_us, max));
}

bool
limit_has_grant(const struct limit *limit, int64_t now_ms)
{
    return limit->per_day == 0 || (limit->granted > 0 && now_ms < limit->day_ends_ms);
}

static void
pace_take(struct limit_pace *pace, int64_t now_us)
{
    if (pace->max > 0)
    {
        pace->due_us =
            (pace->due_us > (double) now_us ? pace->due_us : (double) now_us) + pace->gap_us;
    }
}

void
limit_take(struct limit *limit, int64_t now_us)
{
    pace_take(&limit->second, now_us);
    pace_take(&limit->minute, now_us);
    if (limit->granted > 0)
    {
        limit->granted--;
    }
}
