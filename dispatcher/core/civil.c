/* Days to dates. */
#include "core/civil.h"

#define SECONDS_PER_DAY 86400
#define SECONDS_MAX 253402300799 /* 9999-12-31 23:59:59 */
#define EPOCH_WEEKDAY 4          /* 1970-01-01 was a Thursday */

struct civil_time
civil_from_seconds(int64_t seconds)
{
    int64_t clamped = seconds < 0 ? 0 : seconds > SECONDS_MAX ? SECONDS_MAX : seconds;
    int64_t days = clamped / SECONDS_PER_DAY;
    int64_t rest = clamped % SECONDS_PER_DAY;
    /* Years begin in March, so that the leap day is the last of its year; eras have 400 years. */
    int64_t z = days + 719468;
    int64_t day_of_era = z % 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;

    return (struct civil_time){
        .year = (int) (z / 146097 * 400 + year_of_era + (month >= 10 ? 1 : 0)),
        .month = (int) (month >= 10 ? month - 9 : month + 3),
        .day = (int) (day_of_year - (153 * month + 2) / 5 + 1),
        .weekday = (int) ((days + EPOCH_WEEKDAY) % 7),
        .hour = (int) (rest / 3600),
        .minute = (int) (rest / 60 % 60),
        .second = (int) (rest % 60),
    };
}
