/* The date filter. */
#include "date.h"
#include "filter.h"
#include "utf8.h"

static bool
is_word(struct lq_str text, struct lq_str word)
{
    if (text.len != word.len)
        return false;
    for (size_t i = 0; i < text.len; i++)
    {
        if (lq_ascii_lower(text.data[i]) != word.data[i])
            return false;
    }
    return true;
}

static bool
is_digits(struct lq_str text)
{
    for (size_t i = 0; i < text.len; i++)
    {
        if (!lq_is_digit(text.data[i]))
            return false;
    }
    return text.len > 0;
}

/* The time that `now` is, at the zone of dates without one. */
static struct lq_time
current_time(const struct lq_options *options)
{
    int64_t second = options->now_us / 1000000;
    int32_t micro = (int32_t) (options->now_us % 1000000);

    if (micro < 0)
    {
        micro += 1000000;
        second--;
    }
    return (struct lq_time){ second, micro, options->utc_offset_s };
}

static bool
from_seconds(int64_t second, const struct lq_time *now, struct lq_time *ret)
{
    *ret = (struct lq_time){ second, 0, now->offset };
    return second >= -LQ_SECOND_MAX && second <= LQ_SECOND_MAX;
}

/* The point in time that a value stands for; false when it is none. */
static bool
to_time(struct lq_run *run, const struct lq_value *value, struct lq_time *ret)
{
    struct lq_time now = current_time(run->options);
    int64_t second;

    if (value->type == LQ_INT)
        return from_seconds(value->integer, &now, ret);
    if (value->type != LQ_STRING || value->invalid)
        return false;
    if (is_word(value->string, LQ_STR("now")) || is_word(value->string, LQ_STR("today")))
    {
        *ret = now;
        return true;
    }
    if (is_digits(value->string))
        return lq_int_parse(value->string, &second) && from_seconds(second, &now, ret);
    return lq_time_parse(value->string, &now, ret);
}

const struct lq_value *
lq_filter_date(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    struct lq_builder builder = { .run = run };
    struct lq_str format;
    struct lq_time time;

    if (!lq_to_text(run, args->value[0], &format))
        return NULL;
    if (input->type == LQ_STRING && !lq_run_scan(run, input->string.len))
        return NULL;
    if (format.len == 0 || !to_time(run, input, &time))
        return input;
    return lq_time_format(&builder, &time, format) ? lq_builder_finish(&builder) : NULL;
}
