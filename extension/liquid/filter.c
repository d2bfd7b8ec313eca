/* Looks filters up by name, and their arguments. */
#include "filter.h"

#include "utf8.h"

static const struct lq_filter filters[] = {
#define LQ_FILTER(name, function, min, max, names, flags)                                          \
    { { name, sizeof(name) - 1 }, function, min, max, names, flags },
#include "filters.def"
#undef LQ_FILTER
};

enum
{
    FILTER_COUNT = sizeof(filters) / sizeof(filters[0])
};

const struct lq_filter *
lq_find_filter(struct lq_str name, struct lq_nearest *ret_nearest)
{
    for (size_t i = 0; i < FILTER_COUNT; i++)
    {
        if (lq_str_equal(filters[i].name, name))
            return &filters[i];
    }
    lq_nearest_init(ret_nearest, name);
    for (size_t i = 0; i < FILTER_COUNT; i++)
        lq_nearest_offer(ret_nearest, filters[i].name);
    return NULL;
}

const struct lq_value *
lq_args_named(const struct lq_args *args, struct lq_str name)
{
    for (size_t i = args->named_count; i-- > 0;)
    {
        if (lq_str_equal(args->named[i].name, name))
            return args->named[i].value;
    }
    return NULL;
}

const struct lq_locale *
lq_args_locale(struct lq_run *run, const struct lq_args *args)
{
    const struct lq_value *named = lq_args_named(args, LQ_STR("locale"));
    struct lq_str tag = run->options->locale;

    if (named != NULL && named->type != LQ_NIL && !lq_to_text(run, named, &tag))
        return NULL;
    return lq_run_step(run, 1) ? lq_locale_find(tag) : NULL;
}
