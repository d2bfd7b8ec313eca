/*
 * Rendering of a source that the database does not hold.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
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
    ARG_ESCAPE,
    ARG_STRICT,
    ARG_LOCALE,
    ARG_AT,
    ARG_TIMEZONE,
    ARG_TRANSLATIONS,
    ARG_COUNT
};

static const char *const argument_names[ARG_COUNT] = { "source", "data",     "shared",
                                                       "escape", "strict",   "locale",
                                                       "at",     "timezone", "translations" };

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
take_object(Datum value, const char *field)
{
    StringInfoData text;

    initStringInfo(&text);
    return herald_value_take(value, field, HERALD_DATA_BYTES, HERALD_DATA_DEPTH, &text);
}

static struct lq_value *
build(Datum value, const char *field, const struct lq_mem *mem)
{
    struct lq_value *object = herald_value_build(take_object(value, field), mem);

    if (object == NULL)
        ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("not enough memory for %s", field));
    return object;
}

static void
take_translations(FunctionCallInfo fcinfo, struct lq_options *options)
{
    const struct lq_value **translations;
    Datum *items;
    bool *nulls;
    int count;

    deconstruct_array(PG_GETARG_ARRAYTYPE_P(ARG_TRANSLATIONS), JSONBOID, -1, false, TYPALIGN_INT,
                      &items, &nulls, &count);
    translations = palloc(sizeof(translations[0]) * ((Size) count + 1));
    for (int i = 0; i < count; i++)
        if (!nulls[i])
            translations[options->translation_count++] =
                build(items[i], "translations", &options->mem);
    options->translations = translations;
}

static struct lq_str
text_argument(FunctionCallInfo fcinfo, enum argument argument)
{
    text *value = PG_GETARG_TEXT_PP(argument);

    return (struct lq_str){ VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value) };
}

static enum lq_escape
escape_argument(FunctionCallInfo fcinfo)
{
    static const char *const names[] = {
        [LQ_ESCAPE_NONE] = "none",
        [LQ_ESCAPE_HTML] = "html",
        [LQ_ESCAPE_HEADER] = "header",
        [LQ_ESCAPE_HEADERS] = "headers",
    };
    char *name = text_to_cstring(PG_GETARG_TEXT_PP(ARG_ESCAPE));

    for (size_t i = 0; i < lengthof(names); i++)
        if (strcmp(name, names[i]) == 0)
            return (enum lq_escape) i;
    ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown escape \"%s\"", name),
            errhint("It is none, html, header or headers."));
}

static struct lq_options
take_options(FunctionCallInfo fcinfo)
{
    TimestampTz at = PG_GETARG_TIMESTAMPTZ(ARG_AT);
    struct lq_options options = herald_engine_options(at);

    options.escape = escape_argument(fcinfo);
    options.strict = PG_GETARG_BOOL(ARG_STRICT);
    options.locale = text_argument(fcinfo, ARG_LOCALE);
    options.utc_offset_s = herald_utc_offset(text_to_cstring(PG_GETARG_TEXT_PP(ARG_TIMEZONE)), at);
    options.partial = find_shared;
    options.host = take_object(PG_GETARG_DATUM(ARG_SHARED), "shared");
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
    data = build(PG_GETARG_DATUM(ARG_DATA), "data", &options.mem);
    take_translations(fcinfo, &options);
    code = lq_parse(text_argument(fcinfo, ARG_SOURCE), &options, &compiled, &error);
    if (code == LQ_OK)
        code = herald_engine_render(compiled, data, &options, &output, &error);
    if (code != LQ_OK)
        ereport(ERROR, errcode(herald_engine_sqlstate(code)),
                errmsg("%s", herald_engine_describe("source", &error)));
    PG_RETURN_TEXT_P(cstring_to_text_with_len(output.data, (int) output.len));
}
