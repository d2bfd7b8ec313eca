/* The table of filters. */
#ifndef LIQUID_FILTER_H
#define LIQUID_FILTER_H

#include "run.h"

struct lq_args
{
    const struct lq_value *value[LQ_ARGS_MAX];
    size_t count;
    const struct lq_value *option; /* of the filter's keyword, or NULL */
};

enum
{
    LQ_FILTER_VERBATIM = 1, /* as the last filter it replaces automatic escaping */
    LQ_FILTER_LENIENT = 2,  /* as the first filter it accepts a missing variable */
    LQ_FILTER_TRUSTED = 4   /* as the last filter it vouches for its output */
};

struct lq_filter
{
    struct lq_str name;
    const struct lq_value *(*apply)(struct lq_run *run, const struct lq_value *input,
                                    const struct lq_args *args);
    uint8_t min;
    uint8_t max;
    const char *keyword;
    uint8_t flags;
};

/* NULL when there is none of that name; then *ret_nearest tells the one probably meant. */
const struct lq_filter *lq_find_filter(struct lq_str name, struct lq_nearest *ret_nearest);

/* A calculation came to too many digits; always NULL. */
const struct lq_value *lq_number_too_large(struct lq_run *run);

#define LQ_FILTER(name, function, min, max, keyword, flags)                                        \
    const struct lq_value *function(struct lq_run *run, const struct lq_value *input,              \
                                    const struct lq_args *args);
#include "filters.def"
#undef LQ_FILTER

#endif
