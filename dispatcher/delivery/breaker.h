/*
 * How much an account may be asked to do: pauses after throttling, refused credentials or an
 * outage, and a window of concurrent requests like TCP's: it shrinks when answers are refused or
 * don't come, and grows while they don't take longer than usual. Pure.
 */
#ifndef DELIVERY_BREAKER_H
#define DELIVERY_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "providers/provider.h"

enum breaker_reason
{
    BREAKER_NONE,     /* open for business */
    BREAKER_THROTTLE, /* the provider asked us to slow down */
    BREAKER_CONFIG,   /* our credentials or set-up are refused: probe every 30 s */
    BREAKER_OUTAGE,   /* too little succeeded for a while: probe after 1, 2, 4 … 30 s */
    BREAKER_QUOTA     /* the day's requests are used up */
};

struct breaker
{
    int limit;        /* this dispatcher's part of the account's concurrency; 0: none */
    double window;    /* requests that may be in flight now */
    double threshold; /* the window grows fast below, slowly above */
    enum breaker_reason reason;
    int64_t until_ms;  /* paused until then; afterwards one probe (throttle: the window) */
    int pauses;        /* in a row without success */
    int failures;      /* transient ones in a row */
    double usual_us;   /* time of an answer, over many */
    double recent_us;  /* and over a few */
    double silent;     /* share of requests without an answer, over a few */
    int64_t shrunk_ms; /* when the window shrank for them */
    int judged;        /* outcomes since the account works, counted up to what a rate needs */
    double failing;    /* share of transient failures, of the latest outcomes */
    double invalid;    /* share of invalid tokens */
};

struct breaker_event
{
    enum outcome_class class;
    int64_t hint_ms;   /* -1: none */
    bool address_only; /* it concerns one address, not the account */
    int64_t now_ms;
    int64_t latency_us; /* until the answer */
    bool silent;        /* no answer came */
    uint32_t random;
};

void breaker_init(struct breaker *breaker, int limit);

/* Take an outcome into account. True when the reason changed (worth a log line). */
bool breaker_report(struct breaker *breaker, const struct breaker_event *event);

/* Another ceiling for the window. */
void breaker_set_limit(struct breaker *breaker, int limit);

/* Nothing is left of the day's requests until then. True when the reason changed. */
bool breaker_exhaust(struct breaker *breaker, int64_t until_ms);

/* Are so many tokens said to be invalid that the account is to blame, not they? */
bool breaker_doubts_tokens(const struct breaker *breaker);

/* How many more requests may start. */
int breaker_slots(const struct breaker *breaker, int in_flight, int64_t now_ms);

/* Is the pause over, and does one request find out whether the account works again? */
bool breaker_is_probing(const struct breaker *breaker, int64_t now_ms);

/* Time until the pause ends; 0 when there is none. */
int64_t breaker_pause_ms(const struct breaker *breaker, int64_t now_ms);

const char *breaker_reason_name(enum breaker_reason reason);

#endif
