/*
 * Time zones: see zone.h.
 */
#include "postgres.h"

#include "pgtime.h"
#include "utils/builtins.h"

#include "compat.h"
#include "zone.h"

HERALD_FUNCTION(herald_utc_offset_sql);

int
herald_utc_offset(const char *zone, TimestampTz at)
{
    pg_tz *known = pg_tzset(zone);
    pg_time_t second;
    struct pg_tm *local;

    if (known == NULL || TIMESTAMP_NOT_FINITE(at))
        return 0;
    second = timestamptz_to_time_t(at);
    local = pg_localtime(&second, known);
    return local == NULL ? 0 : (int) local->tm_gmtoff;
}

Datum
herald_utc_offset_sql(PG_FUNCTION_ARGS)
{
    char *zone = text_to_cstring(PG_GETARG_TEXT_PP(0));

    PG_RETURN_INT32(herald_utc_offset(zone, PG_GETARG_TIMESTAMPTZ(1)));
}
