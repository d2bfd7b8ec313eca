/* Calendar dates in UTC, without the C library's locale and time zone. */
#ifndef CORE_CIVIL_H
#define CORE_CIVIL_H

#include <stdint.h>

struct civil_time
{
    int year;
    int month;   /* 1..12 */
    int day;     /* 1..31 */
    int weekday; /* 0: Sunday */
    int hour;
    int minute;
    int second;
};

/* The UTC date of seconds since 1970; negative seconds count as 0, the year ends at 9999. */
struct civil_time civil_from_seconds(int64_t seconds);

#endif
