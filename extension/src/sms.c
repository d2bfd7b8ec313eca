/*
 * Sizes of text messages, for SQL.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "compat.h"
#include "sms.h"

HERALD_FUNCTION(herald_sms_segments);

Datum
herald_sms_segments(PG_FUNCTION_ARGS)
{
    text *argument = PG_GETARG_TEXT_PP(0);
    int length = (int) VARSIZE_ANY_EXHDR(argument);
    char *utf8 = pg_server_to_any(VARDATA_ANY(argument), length, PG_UTF8);
    struct sms_size size =
        sms_measure(utf8, utf8 == VARDATA_ANY(argument) ? (size_t) length : strlen(utf8));
    Datum values[] = {
        CStringGetTextDatum(sms_encoding_name(size.encoding)),
        Int32GetDatum((int32) size.segments),
        Int32GetDatum((int32) size.units),
    };
    bool nulls[] = { false, false, false };
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

    InitMaterializedSRF(fcinfo, 0);
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    PG_RETURN_NULL();
}
