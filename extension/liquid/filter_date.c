/* The date filter. */
#include <string.h>

#include "date.h"
#include "filter.h"
#include "utf8.h"

enum
{
    ZONE_STEPS = 20 /* what a look-up of the host may cost */
};

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
    return (struct lq_time){ .second = second, .micro = micro, .offset = options->utc_offset_s };
}

static bool
from_seconds(int64_t second, const struct lq_time *now, struct lq_time *ret)
{
    *ret = (struct lq_time){ .second = second, .offset = now->offset };
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

/*
 * Whether hosts may look the name up: what all of them take for a name of the IANA database. Those
 * begin with a capital, unlike files beside them; and a digit makes a rule of POSIX to some, so
 * only the database's own names may have one.
 */
static bool
is_zone_name(struct lq_str name)
{
    static const struct lq_str with_digits[] = {
        { "EST5EDT", 7 }, { "CST6CDT", 7 }, { "MST7MDT", 7 }, { "PST8PDT", 7 }
    };
    bool digits = false;
    char before = '/';

    for (size_t i = 0; i < name.len; i++)
    {
        char c = name.data[i];
        bool inner = lq_is_word(c) || c == '+' || c == '-' || c == '/';

        if (before == '/' ? c < 'A' || c > 'Z' : !inner)
            return false;
        digits = digits || lq_is_digit(c);
        before = c;
    }
    for (size_t i = 0; i < sizeof(with_digits) / sizeof(with_digits[0]); i++)
        digits = digits && !lq_str_equal(name, with_digits[i]);
    return before != '/' && name.len < LQ_ZONE_NAME &&
           (!digits || (name.len > 7 && memcmp(name.data, "Etc/GMT", 7) == 0));
}

/* A second with the same offset, before a year in which all hosts can calculate: calendar and rules
 * of daylight saving repeat after 400 years. */
static int64_t
near_second(int64_t second)
{
    const int64_t cycle = INT64_C(146097) * LQ_DAY_SECONDS;
    const int64_t limit = INT64_C(100000000000);

    return second < limit ? second : limit - cycle + (second - limit) % cycle;
}

/* Show the time in a zone. */
static bool
into_zone(struct lq_run *run, const struct lq_value *zone, struct lq_time *time)
{
    const struct lq_options *options = run->options;
    char name[LQ_ZONE_NAME] = "";
    struct lq_zone found;
    struct lq_str text;

    if (!lq_to_text(run, zone, &text) || !lq_run_step(run, ZONE_STEPS))
        return false;
    if (is_zone_name(text))
        memcpy(name, text.data, text.len);
    if (name[0] == '\0' || options->zone == NULL ||
        !options->zone(options->host, name, near_second(time->second), &found))
        return lq_run_fail(run, LQ_ERR_ARGUMENT, "unknown time zone \"%.*s\"", LQ_QUOTE(text));
    time->offset = found.utc_offset_s;
    memcpy(time->zone, found.abbreviation, sizeof(time->zone));
    return true;
}

/* The locale's format of that name, if it has one. */
static bool
find_format(const struct lq_locale *locale, struct lq_str name, struct lq_str *ret)
{
    static const struct
    {
        struct lq_str name;
        enum lq_locale_text format;
    } formats[] = {
        { { "short", 5 }, LQ_TEXT_DATE_SHORT },
        { { "medium", 6 }, LQ_TEXT_DATE_MEDIUM },
        { { "long", 4 }, LQ_TEXT_DATE_LONG },
        { { "full", 4 }, LQ_TEXT_DATE_FULL },
        { { "short time", 10 }, LQ_TEXT_DATE_TIME_SHORT },
        { { "medium time", 11 }, LQ_TEXT_DATE_TIME_MEDIUM },
        { { "long time", 9 }, LQ_TEXT_DATE_TIME_LONG },
        { { "full time", 9 }, LQ_TEXT_DATE_TIME_FULL },
        { { "time", 4 }, LQ_TEXT_TIME },
    };

    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
    {
        if (!lq_str_equal(formats[i].name, name))
            continue;
        *ret = lq_locale_text(locale, formats[i].format);
        return true;
    }
    return false;
}

const struct lq_value *
lq_filter_date(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    const struct lq_locale *locale = lq_args_locale(run, args);
    struct lq_builder builder = { .run = run };
    struct lq_str format;
    struct lq_time time;

    if (locale == NULL || !lq_to_text(run, args->value[0], &format))
        return NULL;
    if (input->type == LQ_STRING && !lq_run_scan(run, input->string.len))
        return NULL;
    if (format.len == 0 || !to_time(run, input, &time))
        return input;
    if (args->count > 1 && args->value[1]->type != LQ_NIL && !into_zone(run, args->value[1], &time))
        return NULL;
    /* regions of English abbreviate in other ways than the reference */
    if (!find_format(locale, format, &format) && lq_locale_is_english(locale))
        locale = lq_locale_find(LQ_STR(""));
    return lq_time_format(&builder, &time, format, locale) ? lq_builder_finish(&builder) : NULL;
}
