/*
 * Rendering in the backend: where the template engine's memory, errors and cancellation meet those
 * of PostgreSQL.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "common/jsonapi.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "instant.h"
#include "outbox.h"
#include "value.h"

HERALD_FUNCTION(herald_template_check);
HERALD_FUNCTION(herald_render_template);

enum
{
    SOURCE_BYTES = 1048576,
    PARTS_MAX = 64
};

/* What all parts of one call share. */
struct rendering
{
    const char *template_name;
    const char *channel;
    const char *locale;
    int version;
    bool fail;
    struct lq_options options;
    struct lq_value *variables;
};

static int
sqlstate_of(enum lq_code code)
{
    switch (code)
    {
        case LQ_ERR_NOMEM:
            return ERRCODE_OUT_OF_MEMORY;
        case LQ_ERR_UTF8:
            return ERRCODE_CHARACTER_NOT_IN_REPERTOIRE;
        case LQ_ERR_SYNTAX:
            return ERRCODE_SYNTAX_ERROR;
        case LQ_ERR_SOURCE:
        case LQ_ERR_NODES:
        case LQ_ERR_DEPTH:
        case LQ_ERR_STEPS:
        case LQ_ERR_OUTPUT:
            return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
        case LQ_ERR_CANCELLED:
            return ERRCODE_QUERY_CANCELED;
        default:
            return ERRCODE_INVALID_PARAMETER_VALUE;
    }
}

/* "PLACE: line 1, column 2: sentence" */
static char *
describe(const char *place, const struct lq_error *error)
{
    if (error->line == 0)
        return psprintf("%s: %s", place, error->message);
    return psprintf("%s: line %u, column %u: %s", place, error->line, error->column,
                    error->message);
}

static enum lq_escape
escape_of(const char *part)
{
    return strcmp(part, "html") == 0 ? LQ_ESCAPE_HTML : LQ_ESCAPE_NONE;
}

static bool
tick(void *host)
{
    (void) host;
    return InterruptPending && INTERRUPTS_CAN_BE_PROCESSED();
}

Datum
herald_template_check(PG_FUNCTION_ARGS)
{
    struct lq_options options = { .limits = LQ_LIMITS_DEFAULT, .strict = true, .tick = tick };
    struct lq_template *compiled;
    struct lq_error error;
    enum lq_code code;
    char *part;
    char *place;
    text *source;

    if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
        ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                errmsg("%s must not be null", PG_ARGISNULL(0) ? "source" : "part"));
    if (toast_raw_datum_size(PG_GETARG_DATUM(0)) - VARHDRSZ > SOURCE_BYTES)
        ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                errmsg("source is longer than %d bytes", SOURCE_BYTES));
    source = PG_GETARG_TEXT_PP(0);
    part = text_to_cstring(PG_GETARG_TEXT_PP(1));
    place = PG_ARGISNULL(2) ? psprintf("part %s", part) : text_to_cstring(PG_GETARG_TEXT_PP(2));

    options.mem = herald_value_memory(CurrentMemoryContext);
    options.escape = escape_of(part);
    code = lq_parse((struct lq_str){ VARDATA_ANY(source), VARSIZE_ANY_EXHDR(source) }, &options,
                    &compiled, &error);
    if (code != LQ_OK)
        ereport(ERROR, errcode(sqlstate_of(code)), errmsg("%s", describe(place, &error)));
    lq_template_destroy(compiled);
    PG_RETURN_VOID();
}

/* Render until it is done: an interrupt that does not end the query only delays it. */
static enum lq_code
render(const struct lq_template *compiled, const struct rendering *rendering,
       const struct lq_options *options, struct lq_str *ret, struct lq_error *reterr)
{
    enum lq_code code;

    for (;;)
    {
        code = lq_render(compiled, rendering->variables, options, ret, reterr);
        if (code != LQ_ERR_CANCELLED)
            return code;
        CHECK_FOR_INTERRUPTS();
    }
}

/* Parts that providers take as JSON must be JSON; NULL when this one is fine. */
static const char *
json_problem(const struct rendering *rendering, const char *part, struct lq_str content)
{
    bool is_object = strcmp(rendering->channel, "push") == 0 && strcmp(part, "data") == 0;
    bool is_body = strcmp(rendering->channel, "webhook") == 0 && strcmp(part, "body") == 0;
    char *copy;

    if (!is_object && !is_body)
        return NULL;
    copy = pnstrdup(content.data, content.len);
    if (pg_parse_json(compat_json_lexer(copy, (int) content.len), &nullSemAction) != JSON_SUCCESS)
        return "does not render to valid JSON";
    if (is_object && copy[strspn(copy, " \t\r\n")] != '{')
        return "does not render to a JSON object";
    return NULL;
}

/* Render one part in the current context, which the caller resets. Returns the problem or NULL. */
static char *
render_part(const struct rendering *rendering, const char *part, struct lq_str source,
            struct lq_str *ret)
{
    struct lq_options options = rendering->options;
    struct lq_template *compiled = NULL;
    struct lq_error error;
    const char *json;
    enum lq_code code;
    char *place;

    options.mem = herald_value_memory(CurrentMemoryContext);
    options.escape = escape_of(part);
    code = lq_parse(source, &options, &compiled, &error);
    if (code == LQ_OK)
        code = render(compiled, rendering, &options, ret, &error);
    lq_template_destroy(compiled);

    json = code == LQ_OK ? json_problem(rendering, part, *ret) : NULL;
    if (code == LQ_OK && json == NULL)
        return NULL;
    place = psprintf("template \"%s\" version %d, channel %s, part %s%s%s%s",
                     rendering->template_name, rendering->version, rendering->channel, part,
                     rendering->locale[0] == '\0' ? "" : ", locale \"", rendering->locale,
                     rendering->locale[0] == '\0' ? "" : "\"");
    place = json != NULL ? psprintf("%s: %s", place, json) : describe(place, &error);
    if (rendering->fail)
        ereport(ERROR, errcode(json != NULL ? ERRCODE_INVALID_PARAMETER_VALUE : sqlstate_of(code)),
                errmsg("%s", place));
    return place;
}

static void
put_row(ReturnSetInfo *result, const char *part, struct lq_str content, const char *problem)
{
    Datum values[3] = { CStringGetTextDatum(part), (Datum) 0, (Datum) 0 };
    bool nulls[3] = { false, problem != NULL, problem == NULL };

    if (problem == NULL)
        values[1] = PointerGetDatum(cstring_to_text_with_len(content.data, (int) content.len));
    else
        values[2] = CStringGetTextDatum(problem);
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Render all sources that the query found, each in a context of its own. */
static void
render_parts(const struct rendering *rendering, ReturnSetInfo *result)
{
    SPITupleTable *parts = SPI_tuptable;
    MemoryContext scratch =
        AllocSetContextCreate(CurrentMemoryContext, "herald part", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(scratch);

    for (uint64 i = 0; i < parts->numvals; i++)
    {
        char *part = SPI_getvalue(parts->vals[i], parts->tupdesc, 1);
        char *source = SPI_getvalue(parts->vals[i], parts->tupdesc, 2);
        struct lq_str content = { NULL, 0 };
        char *problem =
            render_part(rendering, part, (struct lq_str){ source, strlen(source) }, &content);

        put_row(result, part, content, problem);
        MemoryContextReset(scratch);
    }
    MemoryContextSwitchTo(before);
    MemoryContextDelete(scratch);
}

/* Read version, channel, … of herald.render_template() into rendering. */
static void
take_arguments(FunctionCallInfo fcinfo, struct rendering *ret)
{
    TimestampTz at;

    for (int i = 0; i < PG_NARGS(); i++)
        if (i != 6 && PG_ARGISNULL(i))
            ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                    errmsg("argument %d of herald.render_template() must not be null", i + 1));
    at = PG_GETARG_TIMESTAMPTZ(5);
    *ret = (struct rendering){
        .template_name = text_to_cstring(PG_GETARG_TEXT_PP(0)),
        .version = PG_GETARG_INT32(1),
        .channel = text_to_cstring(PG_GETARG_TEXT_PP(2)),
        .locale = text_to_cstring(PG_GETARG_TEXT_PP(3)),
        .fail = PG_GETARG_BOOL(7),
        .options = {
            .limits = LQ_LIMITS_DEFAULT,
            .strict = true,
            .now_us = at + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY,
            .tick = tick,
        },
    };
    ret->options.locale = (struct lq_str){ ret->locale, strlen(ret->locale) };
    if (!PG_ARGISNULL(6))
        ret->options.utc_offset_s = herald_utc_offset(text_to_cstring(PG_GETARG_TEXT_PP(6)), at);
}

Datum
herald_render_template(PG_FUNCTION_ARGS)
{
    static SPIPlanPtr plan;
    static const Oid types[] = { TEXTOID, INT4OID, TEXTOID, TEXTOID };
    struct rendering rendering;
    struct lq_mem mem;
    Datum values[4];
    Jsonb *variables;

    take_arguments(fcinfo, &rendering);
    InitMaterializedSRF(fcinfo, 0);
    for (int i = 0; i < 4; i++)
        values[i] = PG_GETARG_DATUM(i);
    variables = PG_GETARG_JSONB_P(4);
    if (!JB_ROOT_IS_OBJECT(variables))
        ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                errmsg("variables must be an object"));

    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "could not connect to SPI");
    mem = herald_value_memory(CurrentMemoryContext);
    rendering.variables = herald_value_build(variables, &mem);
    if (rendering.variables == NULL)
        ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY),
                errmsg("not enough memory for the variables of a template"));
    herald_saved_plan(&plan, "select part, source from herald.template_parts($1, $2, $3, $4)", 4,
                      types);
    if (SPI_execute_plan(plan, values, NULL, true, PARTS_MAX) != SPI_OK_SELECT)
        elog(ERROR, "could not read the parts of a template");
    render_parts(&rendering, (ReturnSetInfo *) fcinfo->resultinfo);
    SPI_finish();
    PG_RETURN_NULL();
}
