/* The table of filters. */
#ifndef LIQUID_FILTER_H
#define LIQUID_FILTER_H

#include "locales.h"
#include "run.h"

struct lq_named_value
{
    struct lq_str name;
    const struct lq_value *value;
};

struct lq_args
{
    const struct lq_value *value[LQ_ARGS_MAX];
    size_t count;
    struct lq_named_value *named;
    size_t named_count;
};

enum
{
    LQ_FILTER_VERBATIM = 1, /* as the last filter it replaces automatic escaping */
    LQ_FILTER_LENIENT = 2,  /* as the first filter it accepts a missing variable */
    LQ_FILTER_TRUSTED = 4,  /* as the last filter it vouches for its output */
    LQ_FILTER_COUNTED = 8 /* named arguments count as one more positional one, as they do in Ruby */
};

/* Instead of the names of named arguments: there may be any. */
#define LQ_ANY_NAME "*"

struct lq_filter
{
    struct lq_str name;
    const struct lq_value *(*apply)(struct lq_run *run, const struct lq_value *input,
                                    const struct lq_args *args);
    uint8_t min;
    uint8_t max;
    const char *names; /* of named arguments, separated by spaces; NULL: none */
    uint8_t flags;
};

/* NULL when there is none of that name; then *ret_nearest tells the one probably meant. */
const struct lq_filter *lq_find_filter(struct lq_str name, struct lq_nearest *ret_nearest);

/* The value of a named argument, the last one if there are several; NULL when there is none. */
const struct lq_value *lq_args_named(const struct lq_args *args, struct lq_str name);

/* The locale of the argument `locale`, else that of the rendering; NULL after a fault. */
const struct lq_locale *lq_args_locale(struct lq_run *run, const struct lq_args *args);

/*
 * The plural categories to try for a number, the best one first: zero for 0, which languages
 * without such a category may have a form for as well; the category of the locale's rules; other.
 */
enum
{
    LQ_PLURALS_MAX = 3
};

bool lq_plurals_of(struct lq_run *run, const struct lq_value *number,
                   const struct lq_locale *locale, enum lq_plural ret[LQ_PLURALS_MAX]);

/* A calculation came to too many digits; always NULL. */
const struct lq_value *lq_number_too_large(struct lq_run *run);

#define LQ_FILTER(name, function, min, max, names, flags)                                          \
    const struct lq_value *function(struct lq_run *run, const struct lq_value *input,              \
                                    const struct lq_args *args);
#include "filters.def"
#undef LQ_FILTER

#endif
