/*
 * Instants: see instant.h.
 */
#include "postgres.h"

#include "utils/datetime.h"

#include "compat.h"
#include "instant.h"

#define UNIX_EPOCH_US ((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

HERALD_FUNCTION(herald_unix_us);
HERALD_FUNCTION(herald_from_unix_us);

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
