/*
 * A check that SQL functions cannot make cheaply: names of time zones.
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "pgtime.h"
#include "utils/builtins.h"

#include "compat.h"

HERALD_FUNCTION(herald_check_timezone);

enum
{
    ZONE_BYTES = 64
};

/*
 * A POSIX rule such as "X+3" loads as well, but always holds a digit; so of the names with digits
 * only those of the database are taken.
 */
static bool
is_zone_name(const char *name)
{
    static const char *const with_digits[] = { "EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT" };
    const char *digits = name + strcspn(name, "0123456789");
    long hours;

    if (*digits == '\0')
        return true;
    for (size_t i = 0; i < lengthof(with_digits); i++)
        if (pg_strcasecmp(name, with_digits[i]) == 0)
            return true;
    if (pg_strncasecmp(name, "Etc/GMT", 7) != 0 || strspn(digits, "0123456789") != strlen(digits))
        return false;
    hours = strtol(name + 7, NULL, 10);
    return hours >= -14 && hours <= 12;
}

Datum
herald_check_timezone(PG_FUNCTION_ARGS)
{
    text *argument = PG_GETARG_TEXT_PP(0);
    int length = (int) VARSIZE_ANY_EXHDR(argument);
    char *name;
    pg_tz *zone;

    length = pg_mbcliplen(VARDATA_ANY(argument), length, ZONE_BYTES);
    name = pnstrdup(VARDATA_ANY(argument), (Size) length);
    zone = length == (int) VARSIZE_ANY_EXHDR(argument) && length > 0 && is_zone_name(name)
               ? pg_tzset(name)
               : NULL;
    if (zone == NULL || !pg_tz_acceptable(zone))
        ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                errmsg("timezone is not the name of a time zone"), errdetail("It is \"%s\".", name),
                errhint("pg_timezone_names lists them, for example Europe/Berlin."));
    PG_RETURN_TEXT_P(cstring_to_text(pg_get_timezone_name(zone)));
}
