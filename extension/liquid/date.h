/* Points in time: reading them from text and printing them, without clock and zone database. */
#ifndef LIQUID_DATE_H
#define LIQUID_DATE_H

#include "locales.h"
#include "run.h"

struct lq_time
{
    int64_t second; /* since 1970-01-01 UTC */
    int32_t micro;
    int32_t offset;                  /* seconds east of UTC in which it is shown */
    char zone[LQ_ZONE_ABBREVIATION]; /* the abbreviation of that zone, empty when it is unknown */
};

enum
{
    LQ_DAY_SECONDS = 86400
};

/* A second further from 1970 is no date. */
#define LQ_SECOND_MAX INT64_C(1000000000000000)

/* Days from 1970-01-01 to a day of the proleptic Gregorian calendar; day may lie outside of the
 * month. And back. */
int64_t lq_days_from_civil(int64_t year, int month, int day);
void lq_civil_from_days(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day);

/* Read a date, a time or both in the forms people and programs write; what is missing comes from
 * `now`, a missing zone too. False when text is none. */
bool lq_time_parse(struct lq_str text, const struct lq_time *now, struct lq_time *ret);

/* Append the time as the reference's strftime prints it, with the names of a locale. */
bool lq_time_format(struct lq_builder *builder, const struct lq_time *time, struct lq_str format,
                    const struct lq_locale *locale);

#endif
