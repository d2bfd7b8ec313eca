/* Looks filters up by name. */
#include "filter.h"

#include "utf8.h"

static const struct lq_filter filters[] = {
#define LQ_FILTER(name, function, min, max, keyword, flags)                                        \
    { { name, sizeof(name) - 1 }, function, min, max, keyword, flags },
#include "filters.def"
#undef LQ_FILTER
};

enum
{
    FILTER_COUNT = sizeof(filters) / sizeof(filters[0])
};

static struct lq_str
filter_name_at(size_t index)
{
    return filters[index].name;
}

const struct lq_filter *
lq_find_filter(struct lq_str name, struct lq_str *ret_nearest)
{
    for (size_t i = 0; i < FILTER_COUNT; i++)
    {
        if (lq_str_equal(filters[i].name, name))
            return &filters[i];
    }
    *ret_nearest = lq_nearest_name(name, filter_name_at, FILTER_COUNT);
    return NULL;
}
