/*
 * Checks that SQL functions cannot make cheaply: time zone names and the nearest known name.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "pgtime.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/varlena.h"

#include "compat.h"

HERALD_FUNCTION(herald_check_timezone);
HERALD_FUNCTION(herald_nearest_name);

enum
{
    ZONE_BYTES = 64,
    NAME_BYTES = 255
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

Datum
herald_nearest_name(PG_FUNCTION_ARGS)
{
    text *name = PG_GETARG_TEXT_PP(0);
    int length = (int) VARSIZE_ANY_EXHDR(name);
    text *nearest = NULL;
    Datum *known;
    bool *nulls;
    int count;
    int best;

    if (length == 0 || length > NAME_BYTES)
        PG_RETURN_NULL();
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &known, &nulls,
                      &count);
    /* More than half of the characters wrong is no misspelling. */
    best = Max(1, pg_mbstrlen_with_len(VARDATA_ANY(name), length) / 2) + 1;
    for (int i = 0; i < count; i++)
    {
        text *candidate;
        int distance;

        if (nulls[i])
            continue;
        candidate = DatumGetTextPP(known[i]);
        if (VARSIZE_ANY_EXHDR(candidate) > NAME_BYTES)
            continue;
        distance = varstr_levenshtein_less_equal(VARDATA_ANY(name), length, VARDATA_ANY(candidate),
                                                 (int) VARSIZE_ANY_EXHDR(candidate), 1, 1, 1,
                                                 best - 1, true);
        if (distance < best)
        {
            best = distance;
            nearest = candidate;
        }
    }
    if (nearest == NULL)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(nearest);
}
