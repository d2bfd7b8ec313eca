/*
 * Rendering of templates that the database holds, and the checks of their sources.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "common/jsonapi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "nodes/pg_list.h"
#include "nodes/value.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "base64url.h"
#include "compat.h"
#include "compiled.h"
#include "engine.h"
#include "object.h"
#include "value.h"
#include "zone.h"

HERALD_FUNCTION(herald_template_check);
HERALD_FUNCTION(herald_template_compile);
HERALD_FUNCTION(herald_render_template);

enum
{
    SOURCE_BYTES = 1048576,
    LINKS_MAX = 1000, /* of one message */
    TOKEN_SIZE = 32
};

/* What all parts of one call share. */
struct rendering
{
    const char *template_name;
    const char *channel;
    const char *locale;
    int version;
    bool fail;
    const char *mode; /* NULL: the version's */
    const struct herald_compiled *compiled;
    char token[TOKEN_SIZE]; /* of the delivery */
    int link_count;
    List *links; /* of the part */
    struct lq_options options;
    struct lq_value *variables;
};

/* The engine tells the name of a template that the source uses. */
static void
note_use(void *host, struct lq_str name)
{
    List **names = host;
    List *one = list_make1(makeString(pnstrdup(name.data, name.len)));

    *names = list_union(*names, one);
}

static ArrayType *
text_array(const List *names)
{
    Datum *items = palloc(sizeof(Datum) * ((Size) list_length(names) + 1));
    const ListCell *cell;
    int count = 0;

    foreach (cell, names)
        items[count++] = CStringGetTextDatum(strVal(lfirst(cell)));
    return construct_array(items, count, TEXTOID, -1, false, TYPALIGN_INT);
}

Datum
herald_template_check(PG_FUNCTION_ARGS)
{
    struct lq_options options = herald_engine_options(0);
    struct lq_template *compiled;
    List *names = NIL;
    struct lq_error error;
    enum lq_code code;
    char *part;
    char *place;
    text *source;

    if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(3))
        ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                errmsg("%s must not be null", PG_ARGISNULL(0)   ? "source"
                                              : PG_ARGISNULL(1) ? "part"
                                                                : "strict"));
    if (toast_raw_datum_size(PG_GETARG_DATUM(0)) - VARHDRSZ > SOURCE_BYTES)
        ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                errmsg("source is longer than %d bytes", SOURCE_BYTES));
    source = PG_GETARG_TEXT_PP(0);
    part = text_to_cstring(PG_GETARG_TEXT_PP(1));
    place = PG_ARGISNULL(2) ? psprintf("part %s", part) : text_to_cstring(PG_GETARG_TEXT_PP(2));

    options.escape = lq_escape_of_part((struct lq_str){ part, strlen(part) });
    options.strict = PG_GETARG_BOOL(3);
    options.uses = note_use;
    options.host = &names;
    code = lq_parse((struct lq_str){ VARDATA_ANY(source), VARSIZE_ANY_EXHDR(source) }, &options,
                    &compiled, &error);
    if (code != LQ_OK)
        ereport(ERROR, errcode(herald_engine_sqlstate(code)),
                errmsg("%s", herald_engine_describe(place, &error)));
    lq_template_destroy(compiled);
    PG_RETURN_ARRAYTYPE_P(text_array(names));
}

/* template "…" version 1, channel email, part html, locale "de" */
static char *
place_of(const struct rendering *rendering, const char *part)
{
    bool has_locale = rendering->locale[0] != '\0';

    return psprintf("template \"%s\" version %d, channel %s, part %s%s%s%s",
                    rendering->template_name, rendering->version, rendering->channel, part,
                    has_locale ? ", locale \"" : "", rendering->locale, has_locale ? "\"" : "");
}

Datum
herald_template_compile(PG_FUNCTION_ARGS)
{
    const struct rendering rendering = {
        .template_name = text_to_cstring(PG_GETARG_TEXT_PP(0)),
        .version = PG_GETARG_INT32(1),
        .channel = text_to_cstring(PG_GETARG_TEXT_PP(2)),
        .locale = text_to_cstring(PG_GETARG_TEXT_PP(3)),
    };
    const struct herald_compiled *compiled = herald_compiled_find(
        rendering.template_name, rendering.version, rendering.channel, rendering.locale, NULL);

    for (int i = 0; i < compiled->part_count; i++)
    {
        const struct herald_compiled_part *part = &compiled->parts[i];

        if (part->template == NULL)
            ereport(ERROR, errcode(herald_engine_sqlstate(part->error.code)),
                    errmsg("%s",
                           herald_engine_describe(place_of(&rendering, part->name), &part->error)));
    }
    PG_RETURN_VOID();
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

/* The engine asks what to print for a URL that is to be tracked. */
static bool
link_to(void *host, struct lq_str url, struct lq_str *ret)
{
    struct rendering *rendering = host;

    if (rendering->link_count == LINKS_MAX)
        return false;
    rendering->link_count++;
    rendering->links = lappend(rendering->links, makeString(pnstrdup(url.data, url.len)));
    ret->data = psprintf("%s/c/%s/%d", rendering->compiled->tracking_url, rendering->token,
                         rendering->link_count);
    ret->len = strlen(ret->data);
    return true;
}

/* The engine asks for the URL of an object. */
static bool
link_to_object(void *host, struct lq_str id, int64_t until_s, struct lq_str *ret)
{
    const struct herald_compiled *compiled = ((struct rendering *) host)->compiled;
    char *text = pnstrdup(id.data, id.len);
    Datum object = DirectFunctionCall1(uuid_in, CStringGetDatum(text));
    char token[HERALD_OBJECT_TOKEN_SIZE];

    if (!herald_object_token(compiled->object_key, DatumGetUUIDP(object), until_s, token))
        return false;
    ret->data = psprintf("%s/o/%s", compiled->object_base_url, token);
    ret->len = strlen(ret->data);
    return true;
}

/* Render one part in the current context, which the caller resets. Returns the problem or NULL. */
static char *
render_part(struct rendering *rendering, const struct herald_compiled *compiled, int number,
            struct lq_str *ret)
{
    const struct herald_compiled_part *part = &compiled->parts[number];
    struct lq_options options = rendering->options;
    struct lq_error error = part->error;
    enum lq_code code = error.code;
    const char *json;
    char *place;

    options.mem = herald_value_memory(CurrentMemoryContext);
    options.escape = part->escape;
    options.strict = !compiled->lax;
    options.translations = compiled->translations;
    options.translation_count = compiled->translation_count;
    if (compiled->tracking_url[0] != '\0')
        options.link = link_to;
    if (compiled->object_base_url[0] != '\0')
        options.object = link_to_object;
    options.host = rendering;
    rendering->links = NIL;
    if (part->template != NULL)
        code = herald_engine_render(part->template, rendering->variables, &options, ret, &error);

    json = code == LQ_OK ? json_problem(rendering, part->name, *ret) : NULL;
    if (code == LQ_OK && json == NULL)
        return NULL;
    place = place_of(rendering, part->name);
    place = json != NULL ? psprintf("%s: %s", place, json) : herald_engine_describe(place, &error);
    if (rendering->fail)
        ereport(
            ERROR,
            errcode(json != NULL ? ERRCODE_INVALID_PARAMETER_VALUE : herald_engine_sqlstate(code)),
            errmsg("%s", place));
    return place;
}

static void
put_row(ReturnSetInfo *result, const char *part, struct lq_str content, const char *problem,
        const List *links)
{
    Datum values[4] = { CStringGetTextDatum(part), (Datum) 0, (Datum) 0,
                        PointerGetDatum(text_array(links)) };
    bool nulls[4] = { false, problem != NULL, problem == NULL, false };

    if (problem == NULL)
        values[1] = PointerGetDatum(cstring_to_text_with_len(content.data, (int) content.len));
    else
        values[2] = CStringGetTextDatum(problem);
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Render all parts, each in a context of its own. */
static void
render_parts(struct rendering *rendering, ReturnSetInfo *result)
{
    const struct herald_compiled *compiled =
        herald_compiled_find(rendering->template_name, rendering->version, rendering->channel,
                             rendering->locale, rendering->mode);
    MemoryContext scratch =
        AllocSetContextCreate(CurrentMemoryContext, "herald part", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(scratch);

    rendering->compiled = compiled;
    for (int i = 0; i < compiled->part_count; i++)
    {
        const struct herald_compiled_part *part = &compiled->parts[i];
        struct lq_str content = { NULL, 0 };
        char *problem = render_part(rendering, compiled, i, &content);

        put_row(result, part->name, content, problem, rendering->links);
        MemoryContextReset(scratch);
    }
    MemoryContextSwitchTo(before);
    MemoryContextDelete(scratch);
}

/* Read version, channel, … of herald.render_template() into rendering. */
static void
take_arguments(FunctionCallInfo fcinfo, struct rendering *ret)
{
    static const pg_uuid_t preview; /* a delivery that there never is */
    TimestampTz at;

    for (int i = 0; i < PG_NARGS(); i++)
        if (i != 6 && i < 8 && PG_ARGISNULL(i))
            ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                    errmsg("argument %d of herald.render_template() must not be null", i + 1));
    at = PG_GETARG_TIMESTAMPTZ(5);
    *ret = (struct rendering){
        .template_name = text_to_cstring(PG_GETARG_TEXT_PP(0)),
        .version = PG_GETARG_INT32(1),
        .channel = text_to_cstring(PG_GETARG_TEXT_PP(2)),
        .locale = text_to_cstring(PG_GETARG_TEXT_PP(3)),
        .fail = PG_GETARG_BOOL(7),
        .mode = PG_ARGISNULL(8) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(8)),
        .options = herald_engine_options(at),
    };
    herald_base64url((PG_ARGISNULL(9) ? &preview : PG_GETARG_UUID_P(9))->data, UUID_LEN, ret->token,
                     TOKEN_SIZE);
    ret->options.locale = (struct lq_str){ ret->locale, strlen(ret->locale) };
    if (!PG_ARGISNULL(6))
        ret->options.utc_offset_s = herald_utc_offset(text_to_cstring(PG_GETARG_TEXT_PP(6)), at);
}

Datum
herald_render_template(PG_FUNCTION_ARGS)
{
    struct rendering rendering;
    Jsonb *variables;

    take_arguments(fcinfo, &rendering);
    InitMaterializedSRF(fcinfo, 0);
    variables = PG_GETARG_JSONB_P(4);
    if (!JB_ROOT_IS_OBJECT(variables))
        ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                errmsg("variables must be an object"));
    rendering.variables = herald_value_build(variables, &rendering.options.mem);
    if (rendering.variables == NULL)
        ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY),
                errmsg("not enough memory for the variables of a template"));
    render_parts(&rendering, (ReturnSetInfo *) fcinfo->resultinfo);
    PG_RETURN_NULL();
}
