/* Reads points in time from text. */
#include <string.h>

#include "date.h"
#include "utf8.h"

enum
{
    WORD_MAX = 16,
    UNSET = -1
};

struct parts
{
    int64_t year;
    int month;
    int day;
    int hour;
    int minute;
    int second;
    int32_t micro;
    int32_t offset;
    bool has_year;
    bool has_offset;
    bool afternoon;
    bool morning;
};

struct scan
{
    struct lq_str rest;
    struct parts parts;
};

static const char *const months[] = { "january",   "february", "march",    "april",
                                      "may",       "june",     "july",     "august",
                                      "september", "october",  "november", "december" };

static const char *const weekdays[] = { "sunday",   "monday", "tuesday", "wednesday",
                                        "thursday", "friday", "saturday" };

static const struct zone
{
    const char *name;
    int hours;
} zones[] = { { "z", 0 },    { "utc", 0 },  { "gmt", 0 },  { "ut", 0 },   { "est", -5 },
              { "edt", -4 }, { "cst", -6 }, { "cdt", -5 }, { "mst", -7 }, { "mdt", -6 },
              { "pst", -8 }, { "pdt", -7 }, { "bst", 1 },  { "cet", 1 },  { "cest", 2 } };

static const char *const fillers[] = { "t", "at", "of", "on", "the", "st", "nd", "rd", "th" };

static char
look(const struct scan *scan, size_t ahead)
{
    return ahead < scan->rest.len ? scan->rest.data[ahead] : '\0';
}

static void
advance(struct scan *scan, size_t count)
{
    scan->rest.data += count;
    scan->rest.len -= count;
}

/* Read digits, at most nine; returns how many. */
static size_t
take_number(struct scan *scan, int64_t *ret)
{
    size_t len = 0;

    *ret = 0;
    while (len < 9 && lq_is_digit(look(scan, len)))
    {
        *ret = *ret * 10 + (look(scan, len) - '0');
        len++;
    }
    advance(scan, len);
    return len;
}

int64_t
lq_days_from_civil(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

void
lq_civil_from_days(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day)
{
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month = (int) ((5 * day_of_year + 2) / 153);

    *ret_day = (int) (day_of_year - (153 * month + 2) / 5 + 1);
    *ret_month = month < 10 ? month + 3 : month - 9;
    *ret_year = year_of_era + era * 400 + (*ret_month <= 2);
}

/* Position of word in a list of names, whole or as their first three letters; UNSET: none. */
static int
find_word(const char *word, size_t len, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
    {
        size_t whole = strlen(names[i]);

        if ((len == whole || len == 3 || (len == 4 && names[i][0] == 's' && whole > 4)) &&
            memcmp(word, names[i], len < whole ? len : whole) == 0)
            return i;
    }
    return UNSET;
}

static bool
take_word(struct scan *scan)
{
    char word[WORD_MAX];
    size_t len = 0;
    int month;

    while (len < sizeof(word) && lq_is_alpha(look(scan, len)))
    {
        word[len] = lq_ascii_lower(look(scan, len));
        len++;
    }
    advance(scan, len);
    month = find_word(word, len, months, 12);
    if (month != UNSET && scan->parts.month == UNSET)
    {
        scan->parts.month = month + 1;
        return true;
    }
    for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++)
    {
        if (len != strlen(zones[i].name) || memcmp(word, zones[i].name, len) != 0)
            continue;
        scan->parts.offset = zones[i].hours * 3600;
        scan->parts.has_offset = true;
        return scan->parts.hour != UNSET;
    }
    if (len == 2 && word[1] == 'm' && (word[0] == 'a' || word[0] == 'p'))
    {
        scan->parts.morning = word[0] == 'a';
        scan->parts.afternoon = word[0] == 'p';
        return scan->parts.hour != UNSET;
    }
    for (size_t i = 0; i < sizeof(fillers) / sizeof(fillers[0]); i++)
    {
        if (len == strlen(fillers[i]) && memcmp(word, fillers[i], len) == 0)
            return true;
    }
    return find_word(word, len, weekdays, 7) != UNSET;
}

/* +hh:mm, +hhmm or +hh behind a time. */
static bool
take_offset(struct scan *scan)
{
    int sign = look(scan, 0) == '-' ? -1 : 1;
    int64_t hours;
    int64_t minutes = 0;
    size_t len;

    advance(scan, 1);
    len = take_number(scan, &hours);
    if (len == 4)
    {
        minutes = hours % 100;
        hours /= 100;
    }
    else if (len > 2)
        return false;
    else if (look(scan, 0) == ':')
    {
        advance(scan, 1);
        if (take_number(scan, &minutes) != 2)
            return false;
    }
    if (hours > 23 || minutes > 59 || scan->parts.has_offset)
        return false;
    scan->parts.offset = sign * (int32_t) (hours * 3600 + minutes * 60);
    scan->parts.has_offset = true;
    return true;
}

/* The rest of a time whose hour has been read: :mm, :ss and a fraction. */
static bool
take_time(struct scan *scan, int64_t hour)
{
    int64_t minute;
    int64_t second = 0;
    int32_t unit = 100000;

    advance(scan, 1);
    if (scan->parts.hour != UNSET || take_number(scan, &minute) != 2)
        return false;
    if (look(scan, 0) == ':')
    {
        advance(scan, 1);
        if (take_number(scan, &second) != 2)
            return false;
        if ((look(scan, 0) == '.' || look(scan, 0) == ',') && lq_is_digit(look(scan, 1)))
            advance(scan, 1);
        for (; lq_is_digit(look(scan, 0)); unit /= 10, advance(scan, 1))
            scan->parts.micro += unit * (look(scan, 0) - '0');
    }
    if (hour > 24 || minute > 59 || second > 60 || (hour == 24 && (minute > 0 || second > 0)))
        return false;
    scan->parts.hour = (int) hour;
    scan->parts.minute = (int) minute;
    scan->parts.second = (int) second;
    return true;
}

static void
set_year(struct parts *parts, int64_t year, size_t digits)
{
    if (digits <= 2)
        year += year >= 69 ? 1900 : 2000;
    parts->year = year;
    parts->has_year = true;
}

/* Two or three numbers with one separator: year first, or last when only that one is long. */
static bool
take_numeric_date(struct scan *scan, int64_t first, size_t first_len)
{
    char separator = look(scan, 0);
    struct parts *parts = &scan->parts;
    int64_t second;
    int64_t third = 1;
    size_t third_len = 1;

    advance(scan, 1);
    if (parts->has_year || parts->month != UNSET || take_number(scan, &second) > 2)
        return false;
    if (look(scan, 0) == separator && lq_is_digit(look(scan, 1)))
    {
        advance(scan, 1);
        third_len = take_number(scan, &third);
    }
    else if (first_len < 3)
        return false;
    parts->month = (int) second;
    if (third_len > 2)
    {
        if (first_len > 2)
            return false;
        set_year(parts, third, third_len);
        parts->day = (int) first;
        return true;
    }
    set_year(parts, first, first_len);
    parts->day = (int) third;
    return true;
}

static bool
take_digits(struct scan *scan)
{
    struct parts *parts = &scan->parts;
    int64_t number;
    size_t len = take_number(scan, &number);
    char next = look(scan, 0);

    if (next == ':' && len <= 2)
        return take_time(scan, number);
    if ((next == '-' || next == '/' || next == '.') && lq_is_digit(look(scan, 1)))
        return take_numeric_date(scan, number, len);
    if (len == 8 && !parts->has_year) /* yyyymmdd */
    {
        set_year(parts, number / 10000, 4);
        parts->month = (int) (number / 100 % 100);
        parts->day = (int) (number % 100);
        return true;
    }
    if (len == 6 && parts->day != UNSET && parts->hour == UNSET) /* hhmmss */
    {
        parts->hour = (int) (number / 10000);
        parts->minute = (int) (number / 100 % 100);
        parts->second = (int) (number % 100);
        return parts->hour < 24 && parts->minute < 60 && parts->second < 60;
    }
    if (len <= 2 && (lq_ascii_lower(next) == 'a' || lq_ascii_lower(next) == 'p') &&
        lq_ascii_lower(look(scan, 1)) == 'm' && parts->hour == UNSET)
    {
        parts->hour = (int) number;
        return number <= 12;
    }
    if (len <= 2 && parts->day == UNSET)
    {
        parts->day = (int) number;
        return true;
    }
    if (parts->has_year || len > 4)
        return false;
    set_year(parts, number, len);
    return true;
}

static bool
scan_parts(struct scan *scan)
{
    if (look(scan, 0) == '-')
        return false;
    while (scan->rest.len > 0)
    {
        char c = look(scan, 0);
        bool good = true;

        if (lq_is_digit(c))
            good = take_digits(scan);
        else if (lq_is_alpha(c))
            good = take_word(scan);
        else if ((c == '+' || c == '-') && scan->parts.hour != UNSET && lq_is_digit(look(scan, 1)))
            good = take_offset(scan);
        else if (lq_is_space(c) || c == ',' || c == '-' || c == '.' || c == '(' || c == ')')
            advance(scan, 1);
        else
            return false;
        if (!good)
            return false;
    }
    return true;
}

/* Fill in from today what the text left out: a date without year is this year's, a time alone
 * today's. */
static bool
complete(struct parts *parts, const struct lq_time *now)
{
    int64_t local = now->second + now->offset;
    int64_t year;
    int month;
    int day;

    if (!parts->has_year && parts->month == UNSET && parts->day == UNSET && parts->hour == UNSET)
        return false;
    lq_civil_from_days((local - (local < 0 ? LQ_DAY_SECONDS - 1 : 0)) / LQ_DAY_SECONDS, &year,
                       &month, &day);
    if (!parts->has_year)
        parts->year = year;
    if (parts->month == UNSET && parts->day == UNSET && !parts->has_year)
        parts->day = day;
    if (parts->month == UNSET)
        parts->month = parts->has_year ? 1 : month;
    if (parts->day == UNSET)
        parts->day = 1;
    if (!parts->has_offset)
        parts->offset = now->offset;
    if (parts->hour == UNSET)
        parts->hour = 0;
    if (parts->afternoon && parts->hour < 12)
        parts->hour += 12;
    if (parts->morning && parts->hour == 12)
        parts->hour = 0;
    return parts->month >= 1 && parts->month <= 12 && parts->day >= 1 && parts->day <= 31;
}

bool
lq_time_parse(struct lq_str text, const struct lq_time *now, struct lq_time *ret)
{
    struct scan scan = { text, { .month = UNSET, .day = UNSET, .hour = UNSET } };
    struct parts *parts = &scan.parts;

    if (!scan_parts(&scan) || !complete(parts, now))
        return false;
    *ret = (struct lq_time){ .micro = parts->micro, .offset = parts->offset };
    ret->second = lq_days_from_civil(parts->year, parts->month, parts->day) * LQ_DAY_SECONDS +
                  parts->hour * 3600 + parts->minute * 60 + parts->second - parts->offset;
    return true;
}
