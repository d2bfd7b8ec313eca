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
    char message[sizeof(((struct lq_error *) 0)->message)];
};

enum
{
    LQ_QUOTE_MAX = 60
};

/* For printing part of the template or the data inside a message: "%.*s". */
#define LQ_QUOTE(text) (int) ((text).len > LQ_QUOTE_MAX ? LQ_QUOTE_MAX : (text).len), (text).data

/* Always returns false. The first fault stays. */
bool lq_fault_set(struct lq_fault *fault, enum lq_code code, size_t at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Out of memory; always returns false. */
bool lq_fault_memory(struct lq_fault *fault);

/* The fault, if there is one, happened inside of a partial; the innermost stays. Always false. */
bool lq_fault_inside(struct lq_fault *fault, const struct lq_partial *partial);

/* Turn the position into line and column. */
void lq_fault_report(const struct lq_fault *fault, struct lq_str source, struct lq_error *ret);

/* The name among count names that name was probably meant to be, or an empty string. */
struct lq_str lq_nearest_name(struct lq_str name, struct lq_str (*name_at)(size_t index),
                              size_t count);

#endif
