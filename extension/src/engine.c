/*
 * The template engine in the backend: see engine.h.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "digest.h"
#include "engine.h"
#include "value.h"
#include "zone.h"

int
herald_engine_sqlstate(enum lq_code code)
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

char *
herald_engine_describe(const char *place, const struct lq_error *error)
{
    if (error->partial[0] != '\0')
        place = psprintf("%s, shared template \"%s\"", place, error->partial);
    if (error->line == 0)
        return psprintf("%s: %s", place, error->message);
    return psprintf("%s: line %u, column %u: %s", place, error->line, error->column,
                    error->message);
}

/* True when the query is to stop. */
static bool
tick(void *host)
{
    (void) host;
    return InterruptPending && INTERRUPTS_CAN_BE_PROCESSED();
}

struct lq_options
herald_engine_options(TimestampTz at)
{
    return (struct lq_options){
        .mem = herald_value_memory(CurrentMemoryContext),
        .limits = LQ_LIMITS_DEFAULT,
        .strict = true,
        .now_us = at + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY,
        .tick = tick,
        .digest = herald_digest,
        .zone = herald_zone,
    };
}

enum lq_code
herald_engine_render(const struct lq_template *template, const struct lq_value *data,
                     const struct lq_options *options, struct lq_str *ret, struct lq_error *reterr)
{
    for (;;)
    {
        enum lq_code code = lq_render(template, data, options, ret, reterr);

        if (code != LQ_ERR_CANCELLED)
            return code;
        CHECK_FOR_INTERRUPTS();
    }
}
