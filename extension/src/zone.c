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

/*
 * The zone of a name in the database's own spelling, or NULL. PostgreSQL takes any spelling, and
 * rules of POSIX besides, which it keeps in upper case; dispatchers look for a file.
 */
static pg_tz *
find_zone(const char *name)
{
    pg_tz *zone = pg_tzset(name);

    if (zone == NULL || !pg_tz_acceptable(zone) || strcmp(pg_get_timezone_name(zone), name) != 0)
        return NULL;
    return zone;
}

bool
herald_zone(void *host, const char *name, int64_t second, struct lq_zone *ret)
{
    pg_tz *zone = find_zone(name);
    pg_time_t at = second;
    struct pg_tm *local = zone == NULL ? NULL : pg_localtime(&at, zone);

    (void) host;
    if (local == NULL)
        return false;
    ret->utc_offset_s = (int32_t) local->tm_gmtoff;
    strlcpy(ret->abbreviation, local->tm_zone, sizeof(ret->abbreviation));
    return true;
}
