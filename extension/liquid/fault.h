/* Where and why a call failed: filled once, at the place that knows, and passed up unchanged. */
#ifndef LIQUID_FAULT_H
#define LIQUID_FAULT_H

#include "liquid.h"

struct lq_partial;

struct lq_fault
{
    enum lq_code code;
    size_t at;                        /* byte position in the source, SIZE_MAX for none */
    const struct lq_partial *partial; /* whose source it is, NULL: the template's */
    bool placed;                      /* whose source it is has been said */
    char message[sizeof(((struct lq_error *) 0)->message)];
};

enum
{
    LQ_QUOTE_MAX = 60,
    LQ_OFFERS_MAX = 1000,
    LQ_NEAREST_MAX = 64 /* bytes of a name that is compared */
};

/* For printing part of the template or the data inside a message: "%.*s". */
#define LQ_QUOTE(text) (int) ((text).len > LQ_QUOTE_MAX ? LQ_QUOTE_MAX : (text).len), (text).data

/* Always returns false. The first fault stays. */
bool lq_fault_set(struct lq_fault *fault, enum lq_code code, size_t at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Out of memory; always returns false. */
bool lq_fault_memory(struct lq_fault *fault);

/* The fault, if it has a place, happened inside of a partial, or in the template itself when that
 * is NULL; what was said first stays. Always false. */
bool lq_fault_inside(struct lq_fault *fault, const struct lq_partial *partial);

/* Turn the position into line and column. */
void lq_fault_report(const struct lq_fault *fault, struct lq_str source, struct lq_error *ret);

/* Looks for the known name that a mistyped one was probably meant to be. */
struct lq_nearest
{
    struct lq_str name;
    struct lq_str best; /* empty: none is near */
    unsigned distance;
    unsigned offers;
};

void lq_nearest_init(struct lq_nearest *nearest, struct lq_str name);

/* A known name; true when it is the best so far. Only the first LQ_OFFERS_MAX are looked at. */
bool lq_nearest_offer(struct lq_nearest *nearest, struct lq_str known);

/* unknown WHAT "name", did you mean "best"?; always false. */
bool lq_fault_unknown(struct lq_fault *fault, enum lq_code code, size_t at, const char *what,
                      const struct lq_nearest *nearest);

#endif
