/*
 * Rendering of a source that the database does not hold.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "engine.h"
#include "value.h"
#include "zone.h"

HERALD_FUNCTION(herald_liquid_render);

/* Arguments of herald.liquid_render(). */
enum argument
{
    ARG_SOURCE,
    ARG_DATA,
    ARG_SHARED,
    ARG_HTML,
    ARG_STRICT,
    ARG_LOCALE,
    ARG_AT,
    ARG_TIMEZONE,
    ARG_COUNT
};

static const char *const argument_names[ARG_COUNT] = { "source", "data",   "shared", "html",
                                                       "strict", "locale", "at",     "timezone" };

/* The engine asks for a shared template: a member of the argument. */
static bool
find_shared(void *host, struct lq_str name, struct lq_str *ret_source)
{
    Jsonb *shared = host;
    JsonbValue value;

    if (getKeyJsonValueFromContainer(&shared->root, name.data, (int) name.len, &value) == NULL ||
        value.type != jbvString)
        return false;
    *ret_source = (struct lq_str){ value.val.string.val, (size_t) value.val.string.len };
    return true;
}

static Jsonb *
object_argument(FunctionCallInfo fcinfo, enum argument argument)
{
    StringInfoData text;

    initStringInfo(&text);
    return herald_value_take(PG_GETARG_DATUM(argument), argument_names[argument], HERALD_DATA_BYTES,
                             HERALD_DATA_DEPTH, &text);
}

static struct lq_str
text_argument(FunctionCallInfo fcinfo, enum argument argument)
{
    text *value = PG_GETARG_TEXT_PP(argument);

    return (struct lq_str){ VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value) };
}

static struct lq_options
take_options(FunctionCallInfo fcinfo)
{
    TimestampTz at = PG_GETARG_TIMESTAMPTZ(ARG_AT);
    struct lq_options options = herald_engine_options(at);

    options.escape = PG_GETARG_BOOL(ARG_HTML) ? LQ_ESCAPE_HTML : LQ_ESCAPE_NONE;
    options.strict = PG_GETARG_BOOL(ARG_STRICT);
    options.locale = text_argument(fcinfo, ARG_LOCALE);
    options.utc_offset_s = herald_utc_offset(text_to_cstring(PG_GETARG_TEXT_PP(ARG_TIMEZONE)), at);
    options.partial = find_shared;
    options.host = object_argument(fcinfo, ARG_SHARED);
    return options;
}

Datum
herald_liquid_render(PG_FUNCTION_ARGS)
{
    struct lq_template *compiled = NULL;
    struct lq_options options;
    struct lq_value *data;
    struct lq_error error;
    struct lq_str output;
    enum lq_code code;

    for (int i = 0; i < ARG_COUNT; i++)
        if (PG_ARGISNULL(i))
            ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                    errmsg("%s must not be null", argument_names[i]));
    options = take_options(fcinfo);
    data = herald_value_build(object_argument(fcinfo, ARG_DATA), &options.mem);
    code = data == NULL ? LQ_ERR_NOMEM
                        : lq_parse(text_argument(fcinfo, ARG_SOURCE), &options, &compiled, &error);
    if (code == LQ_OK)
        code = herald_engine_render(compiled, data, &options, &output, &error);
    if (data == NULL)
        ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("not enough memory for the data"));
    if (code != LQ_OK)
        ereport(ERROR, errcode(herald_engine_sqlstate(code)),
                errmsg("%s", herald_engine_describe("source", &error)));
    PG_RETURN_TEXT_P(cstring_to_text_with_len(output.data, (int) output.len));
}
