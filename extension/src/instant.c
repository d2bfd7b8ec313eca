/*
 * Instants: see instant.h.
 */
#include "postgres.h"

#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/datetime.h"

#include "compat.h"
#include "instant.h"

#define UNIX_EPOCH_US ((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

HERALD_FUNCTION(herald_utc_offset_sql);
HERALD_FUNCTION(herald_unix_us);
HERALD_FUNCTION(herald_from_unix_us);

int
herald_utc_offset(const char *zone, TimestampTz at)
{
    pg_tz *known = pg_tzset(zone);
    pg_time_t seconds;
    struct pg_tm *local;

    if (known == NULL || TIMESTAMP_NOT_FINITE(at))
        return 0;
    seconds = timestamptz_to_time_t(at);
    local = pg_localtime(&seconds, known);
    return local == NULL ? 0 : (int) local->tm_gmtoff;
}

Datum
herald_utc_offset_sql(PG_FUNCTION_ARGS)
{
    char *zone = text_to_cstring(PG_GETARG_TEXT_PP(0));

    PG_RETURN_INT32(herald_utc_offset(zone, PG_GETARG_TIMESTAMPTZ(1)));
}

/* Infinities and the last years of the type have no number; they become the nearest one. */
Datum
herald_unix_us(PG_FUNCTION_ARGS)
{
    TimestampTz at = PG_GETARG_TIMESTAMPTZ(0);

    if (at > PG_INT64_MAX - UNIX_EPOCH_US)
        PG_RETURN_INT64(PG_INT64_MAX);
    if (TIMESTAMP_IS_NOBEGIN(at))
        PG_RETURN_INT64(PG_INT64_MIN);
    PG_RETURN_INT64(at + UNIX_EPOCH_US);
}

TimestampTz
herald_from_unix(int64 us)
{
    if (us < MIN_TIMESTAMP + UNIX_EPOCH_US || us - UNIX_EPOCH_US >= END_TIMESTAMP)
        ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
                errmsg("microseconds since 1970 are out of range"),
                errdetail("They are " INT64_FORMAT ".", us));
    return us - UNIX_EPOCH_US;
}

Datum
herald_from_unix_us(PG_FUNCTION_ARGS)
{
    PG_RETURN_TIMESTAMPTZ(herald_from_unix(PG_GETARG_INT64(0)));
}
