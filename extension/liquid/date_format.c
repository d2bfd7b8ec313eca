/* Prints points in time: the reference's strftime. */
#include <string.h>

#include "date.h"
#include "utf8.h"

enum
{
    WIDTH_MAX = 1024 /* a wider field is printed as it stands in the format */
};

struct civil
{
    const struct lq_time *time;
    const struct lq_locale *locale;
    int64_t year;
    int month;
    int day;
    int hour;
    int minute;
    int second;
    int weekday;
    int year_day; /* from 0 */
};

struct field
{
    char conversion;
    char pad; /* '0', ' ', '-' for none, NUL for the conversion's own */
    bool upper;
    bool swap;
    bool alone; /* the form of a name that is said without a day */
    int colons;
    size_t width;
};

static int64_t
floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static void
to_civil(const struct lq_time *time, struct civil *ret)
{
    int64_t local = time->second + time->offset;
    int64_t days = floor_divide(local, LQ_DAY_SECONDS);
    int rest = (int) (local - days * LQ_DAY_SECONDS);

    ret->time = time;
    lq_civil_from_days(days, &ret->year, &ret->month, &ret->day);
    ret->hour = rest / 3600;
    ret->minute = rest / 60 % 60;
    ret->second = rest % 60;
    ret->weekday = (int) (((days + 4) % 7 + 7) % 7);
    ret->year_day = (int) (days - lq_days_from_civil(ret->year, 1, 1));
}

static bool
add_padding(struct lq_builder *builder, char pad, size_t count)
{
    char chunk[64];

    memset(chunk, pad, sizeof(chunk));
    while (count > 0)
    {
        size_t len = count < sizeof(chunk) ? count : sizeof(chunk);

        if (!lq_builder_add(builder, (struct lq_str){ chunk, len }))
            return false;
        count -= len;
    }
    return true;
}

static bool
add_number(struct lq_builder *builder, const struct field *field, int64_t value, size_t width,
           char pad)
{
    char digits[LQ_INT_TEXT];
    struct lq_str text = { digits, lq_int_print(value, digits) };

    if (field->width > 0)
        width = field->width;
    if (field->pad != '\0')
        pad = field->pad;
    if (pad == '-' || text.len >= width)
        return lq_builder_add(builder, text);
    if (pad == '0' && value < 0)
    {
        text.data++;
        return lq_builder_add_char(builder, '-') && add_padding(builder, '0', width - text.len) &&
               lq_builder_add(builder, (struct lq_str){ text.data, text.len - 1 });
    }
    return add_padding(builder, pad, width - text.len) && lq_builder_add(builder, text);
}

/* Text as it is or, at most one of both, in upper or lower case. */
static bool
add_cased(struct lq_builder *builder, struct lq_str text, bool upper, bool lower)
{
    const char *at = text.data;
    const char *end = text.data + text.len;

    if (!upper && !lower)
        return lq_builder_add(builder, text);
    while (at < end)
    {
        uint32_t mapped[LQ_CASE_MAX];
        size_t count =
            lq_case_map(upper ? LQ_CASE_UPPER : LQ_CASE_LOWER, lq_utf8_next(&at), mapped);

        for (size_t i = 0; i < count; i++)
        {
            if (!lq_builder_add_char(builder, mapped[i]))
                return false;
        }
    }
    return true;
}

static bool
add_name(struct lq_builder *builder, const struct field *field, struct lq_str name)
{
    bool lower = field->conversion == 'P' || (field->swap && field->conversion == 'p');
    bool upper = field->upper || (field->swap && field->conversion != 'p');
    size_t len = lq_utf8_count(name);

    if (field->width > len && field->pad != '-' &&
        !add_padding(builder, field->pad == '0' ? '0' : ' ', field->width - len))
        return false;
    return add_cased(builder, name, upper, lower && !upper);
}

/* A name of the locale, in its own form when that was asked for. */
static bool
add_locale_name(struct lq_builder *builder, const struct field *field, const struct civil *civil,
                enum lq_locale_text which, int number)
{
    which = field->alone ? (enum lq_locale_text)(which + 1) : which;
    return add_name(builder, field, lq_locale_name(civil->locale, which, number));
}

static bool
add_zone(struct lq_builder *builder, const struct field *field, const struct lq_time *time)
{
    struct lq_str name = { time->zone, strlen(time->zone) };

    if (name.len == 0 && time->offset == 0) /* the names of other zones are unknown */
        name = LQ_STR("UTC");
    return add_name(builder, field, name);
}

/* ISO 8601 week and the year it belongs to. */
static int
iso_week(const struct civil *civil, int64_t *ret_year)
{
    int monday_day = (civil->weekday + 6) % 7;
    int64_t days = lq_days_from_civil(civil->year, 1, 1) + civil->year_day;
    int64_t thursday = days - monday_day + 3;
    int month;
    int day;

    lq_civil_from_days(thursday, ret_year, &month, &day);
    return (int) ((thursday - lq_days_from_civil(*ret_year, 1, 1)) / 7) + 1;
}

/* Digits of the fraction of a second; those beyond microseconds are zeros. */
static bool
add_fraction(struct lq_builder *builder, const struct civil *civil, size_t precision)
{
    int32_t rest = civil->time->micro;
    char digits[6];
    size_t len = precision < sizeof(digits) ? precision : sizeof(digits);

    for (size_t i = sizeof(digits); i-- > 0; rest /= 10)
        digits[i] = (char) ('0' + rest % 10);
    return lq_builder_add(builder, (struct lq_str){ digits, len }) &&
           add_padding(builder, '0', precision - len);
}

/* +hhmm, with colons +hh:mm or +hh:mm:ss; the width counts all characters. */
static bool
add_offset(struct lq_builder *builder, const struct field *field, const struct civil *civil)
{
    int32_t offset = civil->time->offset;
    int32_t distance = offset < 0 ? -offset : offset;
    size_t rest = field->colons == 0 ? 2 : field->colons == 1 ? 3 : 6;
    struct field hours = { .width = field->width > rest + 3 ? field->width - rest - 1 : 2 };
    struct field two = { .width = 2 };

    if (!lq_builder_add_char(builder, offset < 0 ? '-' : '+') ||
        !add_number(builder, &hours, distance / 3600, 2, '0') ||
        (field->colons > 0 && !lq_builder_add_char(builder, ':')) ||
        !add_number(builder, &two, distance / 60 % 60, 2, '0'))
        return false;
    return field->colons < 2 ||
           (lq_builder_add_char(builder, ':') && add_number(builder, &two, distance % 60, 2, '0'));
}

static bool
add_number_field(struct lq_builder *builder, const struct field *field, const struct civil *civil,
                 bool *ret_known)
{
    int64_t iso_year;
    int week = iso_week(civil, &iso_year);
    int hour12 = civil->hour % 12 == 0 ? 12 : civil->hour % 12;
    int64_t century = floor_divide(civil->year, 100);

    *ret_known = true;
    switch (field->conversion)
    {
        case 'Y':
            return add_number(builder, field, civil->year, civil->year < 0 ? 5 : 4, '0');
        case 'C':
            return add_number(builder, field, century, 2, '0');
        case 'y':
            return add_number(builder, field, civil->year - century * 100, 2, '0');
        case 'm':
            return add_number(builder, field, civil->month, 2, '0');
        case 'd':
            return add_number(builder, field, civil->day, 2, '0');
        case 'e':
            return add_number(builder, field, civil->day, 2, ' ');
        case 'j':
            return add_number(builder, field, civil->year_day + 1, 3, '0');
        case 'H':
            return add_number(builder, field, civil->hour, 2, '0');
        case 'k':
            return add_number(builder, field, civil->hour, 2, ' ');
        case 'I':
            return add_number(builder, field, hour12, 2, '0');
        case 'l':
            return add_number(builder, field, hour12, 2, ' ');
        case 'M':
            return add_number(builder, field, civil->minute, 2, '0');
        case 'S':
            return add_number(builder, field, civil->second, 2, '0');
        case 's':
            return add_number(builder, field, civil->time->second, 1, '0');
        case 'u':
            return add_number(builder, field, civil->weekday == 0 ? 7 : civil->weekday, 1, '0');
        case 'w':
            return add_number(builder, field, civil->weekday, 1, '0');
        case 'G':
            return add_number(builder, field, iso_year, iso_year < 0 ? 5 : 4, '0');
        case 'g':
            return add_number(builder, field, iso_year - floor_divide(iso_year, 100) * 100, 2, '0');
        case 'V':
            return add_number(builder, field, week, 2, '0');
        case 'U':
            return add_number(builder, field, (civil->year_day + 7 - civil->weekday) / 7, 2, '0');
        case 'W':
            return add_number(builder, field, (civil->year_day + 7 - (civil->weekday + 6) % 7) / 7,
                              2, '0');
        default:
            *ret_known = false;
            return true;
    }
}

static bool
add_text_field(struct lq_builder *builder, const struct field *field, const struct civil *civil,
               bool *ret_known)
{
    int month = civil->month - 1;

    *ret_known = true;
    switch (field->conversion)
    {
        case 'B':
            return add_locale_name(builder, field, civil, LQ_TEXT_MONTHS, month);
        case 'b':
        case 'h':
            return add_locale_name(builder, field, civil, LQ_TEXT_MONTHS_ABBREVIATED, month);
        case 'A':
            return add_locale_name(builder, field, civil, LQ_TEXT_DAYS, civil->weekday);
        case 'a':
            return add_locale_name(builder, field, civil, LQ_TEXT_DAYS_ABBREVIATED, civil->weekday);
        case 'p':
        case 'P':
            return add_name(builder, field,
                            lq_locale_name(civil->locale, LQ_TEXT_AM_PM, civil->hour >= 12));
        case 'Z':
            return add_zone(builder, field, civil->time);
        case 'z':
            return add_offset(builder, field, civil);
        case 'L':
            return add_fraction(builder, civil, field->width > 0 ? field->width : 3);
        case 'N':
            return add_fraction(builder, civil, field->width > 0 ? field->width : 9);
        case 'n':
            return lq_builder_add_char(builder, '\n');
        case 't':
            return lq_builder_add_char(builder, '\t');
        case '%':
            return lq_builder_add_char(builder, '%');
        default:
            *ret_known = false;
            return true;
    }
}

/* Conversions that stand for others. */
static struct lq_str
expansion(char conversion)
{
    switch (conversion)
    {
        case 'c':
            return LQ_STR("%a %b %e %H:%M:%S %Y");
        case 'D':
        case 'x':
            return LQ_STR("%m/%d/%y");
        case 'F':
            return LQ_STR("%Y-%m-%d");
        case 'T':
        case 'X':
            return LQ_STR("%H:%M:%S");
        case 'R':
            return LQ_STR("%H:%M");
        case 'r':
            return LQ_STR("%I:%M:%S %p");
        case 'v':
            return LQ_STR("%e-%^b-%Y");
        case '+':
            return LQ_STR("%a %b %e %H:%M:%S %Z %Y");
        default:
            return LQ_STR("");
    }
}

static bool add_format(struct lq_builder *builder, const struct civil *civil, struct lq_str format);

/* An expansion, which a width fills up on the left. */
static bool
add_expansion(struct lq_builder *builder, const struct field *field, const struct civil *civil,
              struct lq_str format)
{
    struct lq_builder part = { .run = builder->run };
    struct lq_str text;
    size_t len;

    if (!add_format(&part, civil, format))
        return false;
    text = (struct lq_str){ part.data, part.len };
    len = lq_utf8_count(text);
    if (field->width > len &&
        !add_padding(builder, field->pad == '0' ? '0' : ' ', field->width - len))
        return false;
    return add_cased(builder, text, field->upper, false);
}

/* Read flags, width and conversion behind a percent sign; 0 when format ends before. */
static size_t
parse_field(struct lq_str format, struct field *ret)
{
    size_t at = 1;

    *ret = (struct field){ 0 };
    for (; at < format.len && strchr("-0^_#:", format.data[at]) != NULL; at++)
    {
        char flag = format.data[at];

        if (flag == '\0')
            break;
        ret->upper = ret->upper || flag == '^';
        ret->swap = ret->swap || flag == '#';
        ret->colons += flag == ':';
        if (flag == '-' || flag == '0')
            ret->pad = flag;
        if (flag == '_')
            ret->pad = ' ';
    }
    for (; at < format.len && lq_is_digit(format.data[at]); at++)
    {
        if (ret->width <= WIDTH_MAX)
            ret->width = ret->width * 10 + (size_t) (format.data[at] - '0');
    }
    if (at + 1 < format.len && (format.data[at] == 'E' || format.data[at] == 'O'))
        ret->alone = format.data[at++] == 'O';
    if (at >= format.len)
        return 0;
    ret->conversion = format.data[at];
    return at + 1;
}

static bool
add_field(struct lq_builder *builder, const struct field *field, const struct civil *civil,
          struct lq_str source)
{
    struct lq_str format = expansion(field->conversion);
    bool known = field->width <= WIDTH_MAX;

    if (!known)
        return lq_builder_add(builder, source);
    if (format.len > 0)
        return add_expansion(builder, field, civil, format);
    if (!add_number_field(builder, field, civil, &known))
        return false;
    if (!known && !add_text_field(builder, field, civil, &known))
        return false;
    return known || lq_builder_add(builder, source);
}

static bool
add_format(struct lq_builder *builder, const struct civil *civil, struct lq_str format)
{
    while (format.len > 0)
    {
        const char *percent = memchr(format.data, '%', format.len);
        size_t plain = percent == NULL ? format.len : (size_t) (percent - format.data);
        struct field field;
        size_t len;

        if (!lq_builder_add(builder, (struct lq_str){ format.data, plain }))
            return false;
        format.data += plain;
        format.len -= plain;
        if (format.len == 0)
            return true;
        len = parse_field(format, &field);
        if (len == 0)
            return lq_builder_add(builder, format);
        if (((unsigned char) format.data[len - 1] & 0x80) != 0)
            len--; /* not half of a character */
        if (!lq_run_step(builder->run, 1) ||
            !add_field(builder, &field, civil, (struct lq_str){ format.data, len }))
            return false;
        format.data += len;
        format.len -= len;
    }
    return true;
}

bool
lq_time_format(struct lq_builder *builder, const struct lq_time *time, struct lq_str format,
               const struct lq_locale *locale)
{
    struct civil civil;

    to_civil(time, &civil);
    civil.locale = locale;
    return add_format(builder, &civil, format);
}
