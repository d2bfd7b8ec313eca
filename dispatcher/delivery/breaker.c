/* The state machine behind an account's credit. */
#include "delivery/breaker.h"

#include "delivery/backoff.h"

#define CONFIG_PROBE_MS 30000
#define OUTAGE_FAILURES 20
#define OUTAGE_PROBE_MAX_MS 30000
#define THROTTLE_FIRST_MS 1000
#define THROTTLE_MAX_MS 60000
/* Shares are those of about this many of the latest outcomes, and count after as many. */
#define RATE_OUTCOMES 100
#define RATE_MAX 0.5
/* Answers that "usual" and "recent" are averages of, and what recent ones may take more. */
#define USUAL_ANSWERS 512
#define RECENT_ANSWERS 16
#define SLOWER_MAX 1.5
#define SLOWER_MAX_US 5000
/* Without more answers than this share of the recent ones the window shrinks, so often at most. */
#define SILENT_MAX 0.1
#define SHRINK_MS 1000

void
breaker_init(struct breaker *breaker, int limit)
{
    *breaker = (struct breaker){ .limit = limit, .window = limit, .threshold = limit };
}

void
breaker_set_limit(struct breaker *breaker, int limit)
{
    bool open = breaker->window >= breaker->limit;

    breaker->limit = limit;
    breaker->window = open || breaker->window > limit ? limit : breaker->window;
    breaker->threshold = open || breaker->threshold > limit ? limit : breaker->threshold;
}

bool
breaker_exhaust(struct breaker *breaker, int64_t until_ms)
{
    bool changed = breaker->reason != BREAKER_QUOTA;

    breaker->reason = BREAKER_QUOTA;
    breaker->until_ms = until_ms;
    return changed;
}

/* min(first << exponent, max) */
static int64_t
grow(int64_t first_ms, int exponent, int64_t max_ms)
{
    int64_t value = first_ms;

    for (int i = 0; i < exponent && value < max_ms; i++)
    {
        value *= 2;
    }
    return value < max_ms ? value : max_ms;
}

static int64_t
pause_length(const struct breaker *breaker, enum breaker_reason reason,
             const struct breaker_event *event)
{
    int64_t wait = CONFIG_PROBE_MS;

    if (reason == BREAKER_OUTAGE)
    {
        wait = grow(1000, breaker->pauses, OUTAGE_PROBE_MAX_MS);
        wait -= backoff_jitter_ms(wait / 4, 0, wait, event->random);
    }
    else if (reason == BREAKER_THROTTLE && event->hint_ms > 0)
    {
        wait = event->hint_ms < BACKOFF_MAX_MS ? event->hint_ms : BACKOFF_MAX_MS;
    }
    else if (reason == BREAKER_THROTTLE)
    {
        wait = grow(THROTTLE_FIRST_MS, breaker->pauses, THROTTLE_MAX_MS);
    }
    return wait;
}

/* Pause, or pause on when the probe failed; answers to what was sent before the pause say nothing
   new, except that they may give a longer hint or a worse reason. */
static bool
pause(struct breaker *breaker, enum breaker_reason reason, const struct breaker_event *event)
{
    enum breaker_reason before = breaker->reason;
    int64_t until = event->now_ms + pause_length(breaker, reason, event);
    bool running = event->now_ms < breaker->until_ms && before != BREAKER_NONE;

    if (running &&
        (before == BREAKER_CONFIG || before == BREAKER_QUOTA || reason == BREAKER_OUTAGE))
    {
        return false;
    }
    if (!running)
    {
        breaker->pauses++;
        breaker->threshold = breaker->window / 2 > 1 ? breaker->window / 2 : 1;
        breaker->window = reason == BREAKER_THROTTLE ? breaker->threshold : 1;
    }
    if (!running || reason != before || event->hint_ms > 0)
    {
        breaker->until_ms =
            until > breaker->until_ms || reason != before ? until : breaker->until_ms;
    }
    breaker->reason = reason;
    return before != reason;
}

static void
measure(struct breaker *breaker, const struct breaker_event *event)
{
    double latency_us = (double) event->latency_us;

    breaker->silent += ((event->silent ? 1 : 0) - breaker->silent) / RECENT_ANSWERS;
    if (event->silent || event->class == OUTCOME_UNKNOWN)
    {
        return;
    }
    if (breaker->usual_us <= 0)
    {
        breaker->usual_us = breaker->recent_us = latency_us;
    }
    breaker->usual_us += (latency_us - breaker->usual_us) / USUAL_ANSWERS;
    breaker->recent_us += (latency_us - breaker->recent_us) / RECENT_ANSWERS;
}

/* More requests at once only make a provider slower that takes longer than usual. */
static void
widen(struct breaker *breaker)
{
    if (breaker->recent_us <= breaker->usual_us * SLOWER_MAX + SLOWER_MAX_US)
    {
        breaker->window += breaker->window < breaker->threshold ? 1 : 1 / breaker->window;
    }
    if (breaker->window > breaker->limit)
    {
        breaker->window = breaker->limit;
    }
}

/* The more answers stay away, the more. */
static void
shrink(struct breaker *breaker, int64_t now_ms)
{
    double left = breaker->window * (1 - breaker->silent / 2);

    if (breaker->silent > SILENT_MAX &&
        (breaker->shrunk_ms == 0 || now_ms - breaker->shrunk_ms >= SHRINK_MS))
    {
        breaker->shrunk_ms = now_ms;
        breaker->window = left > 1 ? left : 1;
        breaker->threshold = breaker->window;
    }
}

/* The provider works: the window grows, and a pause that has run out is over. */
static bool
succeed(struct breaker *breaker, const struct breaker_event *event)
{
    breaker->failures = 0;
    if (breaker->reason != BREAKER_NONE && event->now_ms < breaker->until_ms)
    {
        return false;
    }
    widen(breaker);
    breaker->pauses = 0;
    if (breaker->reason == BREAKER_NONE)
    {
        return false;
    }
    breaker->reason = BREAKER_NONE;
    return true;
}

/* Shares of the latest outcomes, older ones fading; a pause begins anew. */
static void
judge(struct breaker *breaker, enum outcome_class class)
{
    bool failed = class == OUTCOME_RETRY || class == OUTCOME_UNKNOWN;

    if (breaker->reason != BREAKER_NONE)
    {
        breaker->judged = 0;
        breaker->failing = 0;
        breaker->invalid = 0;
        return;
    }
    breaker->judged += breaker->judged < RATE_OUTCOMES ? 1 : 0;
    breaker->failing += ((failed ? 1 : 0) - breaker->failing) / breaker->judged;
    breaker->invalid +=
        ((class == OUTCOME_TOKEN_INVALID ? 1 : 0) - breaker->invalid) / breaker->judged;
}

static bool
is_over(const struct breaker *breaker, double rate)
{
    return breaker->judged >= RATE_OUTCOMES && rate > RATE_MAX;
}

/* A wrong environment, key or project makes all tokens look dead. */
bool
breaker_doubts_tokens(const struct breaker *breaker)
{
    return is_over(breaker, breaker->invalid);
}

bool
breaker_report(struct breaker *breaker, const struct breaker_event *event)
{
    bool probing;

    if (event->address_only)
    {
        return false;
    }
    judge(breaker, event->class);
    measure(breaker, event);
    switch (event->class)
    {
        case OUTCOME_CONFIG:
            return pause(breaker, BREAKER_CONFIG, event);
        case OUTCOME_THROTTLE:
            return pause(breaker, BREAKER_THROTTLE, event);
        case OUTCOME_RETRY:
        case OUTCOME_UNKNOWN:
            shrink(breaker, event->now_ms);
            breaker->failures++;
            probing = breaker->reason == BREAKER_CONFIG || breaker->reason == BREAKER_OUTAGE;
            return (probing || breaker->failures >= OUTAGE_FAILURES ||
                    is_over(breaker, breaker->failing)) &&
                   pause(breaker, BREAKER_OUTAGE, event);
        case OUTCOME_TOKEN_INVALID:
            return breaker_doubts_tokens(breaker) ? pause(breaker, BREAKER_CONFIG, event)
                                                  : succeed(breaker, event);
        default:
            return succeed(breaker, event);
    }
}

bool
breaker_is_probing(const struct breaker *breaker, int64_t now_ms)
{
    return now_ms >= breaker->until_ms &&
           (breaker->reason == BREAKER_CONFIG || breaker->reason == BREAKER_OUTAGE);
}

int
breaker_slots(const struct breaker *breaker, int in_flight, int64_t now_ms)
{
    int allowed = (int) breaker->window;

    if (breaker_pause_ms(breaker, now_ms) > 0)
    {
        return 0;
    }
    allowed = breaker_is_probing(breaker, now_ms) ? 1 : allowed;
    allowed = allowed < breaker->limit ? allowed : breaker->limit;
    return in_flight < allowed ? allowed - in_flight : 0;
}

int64_t
breaker_pause_ms(const struct breaker *breaker, int64_t now_ms)
{
    if (breaker->reason == BREAKER_NONE || now_ms >= breaker->until_ms)
    {
        return 0;
    }
    return breaker->until_ms - now_ms;
}

const char *
breaker_reason_name(enum breaker_reason reason)
{
    static const char *const names[] = { "none", "throttle", "config", "outage", "quota" };

    return names[reason];
}
