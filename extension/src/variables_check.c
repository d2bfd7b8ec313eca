/*
 * Data against declared variables: see variables.h.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/numeric.h"

#include "compat.h"
#include "value.h"
#include "variables.h"

HERALD_FUNCTION(herald_fill_variables);

enum
{
    STEPS_MAX = 1000000, /* comparisons: a list of a million items may meet many properties */
    EXCERPT_BYTES = 64
};

struct checker
{
    const char *template_name; /* NULL: none to name */
    int version;
    int steps;
    bool fill; /* something that has a default is missing */
};

static void
spend(struct checker *checker, const struct herald_path *path, int steps)
{
    while (path->parent != NULL)
        path = path->parent;
    checker->steps += steps;
    if (checker->steps > STEPS_MAX)
        ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                errmsg("%s takes more than %d steps to check", herald_path_text(path), STEPS_MAX),
                errhint("Send fewer items or declare less about them."));
}

static bool
is_whole(Numeric number)
{
    Datum datum = NumericGetDatum(number);
    Datum whole = DirectFunctionCall2(numeric_trunc, datum, Int32GetDatum(0));

    return DatumGetBool(DirectFunctionCall2(numeric_eq, datum, whole));
}

/* The type of a value as one bit: a number is one, whole or not. */
static uint32
type_of(const JsonbValue *value)
{
    switch (value->type)
    {
        case jbvNull:
            return HERALD_NULL;
        case jbvBool:
            return HERALD_BOOLEAN;
        case jbvNumeric:
            return HERALD_NUMBER;
        case jbvString:
            return HERALD_STRING;
        default:
            return JsonContainerIsObject(value->val.binary.data) ? HERALD_OBJECT : HERALD_ARRAY;
    }
}

static bool
fits_type(uint32 types, const JsonbValue *value)
{
    uint32 type = type_of(value);

    if (types == 0 || (types & type) != 0)
        return true;
    return type == HERALD_NUMBER && (types & HERALD_INTEGER) != 0 && is_whole(value->val.numeric);
}

/* "a string or null" */
static char *
expected_types(uint32 types)
{
    StringInfoData out;

    initStringInfo(&out);
    for (int i = HERALD_TYPES - 1; i >= 0; i--)
        if ((types & herald_types[i].bit) != 0)
            appendStringInfo(&out, "%s%s", out.len == 0 ? "" : " or ", herald_types[i].expected);
    return out.data;
}

static void
append_scalar(StringInfo out, const JsonbValue *value)
{
    switch (value->type)
    {
        case jbvBool:
            appendStringInfoString(out, value->val.boolean ? "true" : "false");
            break;
        case jbvNumeric:
            appendStringInfoString(out, DatumGetCString(DirectFunctionCall1(
                                            numeric_out, NumericGetDatum(value->val.numeric))));
            break;
        case jbvString:
            escape_json(out, pnstrdup(value->val.string.val,
                                      (Size) pg_mbcliplen(value->val.string.val,
                                                          value->val.string.len, EXCERPT_BYTES)));
            break;
        default:
            appendStringInfoString(out, "null");
    }
}

/* "one of "a", 1, null" */
static char *
expected_choices(JsonbContainer *choices)
{
    StringInfoData out;

    initStringInfo(&out);
    appendStringInfoString(&out, "one of ");
    for (uint32 i = 0; i < JsonContainerSize(choices); i++)
    {
        if (i > 0)
            appendStringInfoString(&out, ", ");
        append_scalar(&out, getIthJsonbValueFromContainer(choices, i));
    }
    return out.data;
}

static char *
expected(const struct herald_variables *variables)
{
    if (variables->choices != NULL)
        return expected_choices(variables->choices);
    return variables->types == 0 ? pstrdup("a value") : expected_types(variables->types);
}

/* What came, without the value: messages go into logs. */
static const char *
came(const struct herald_variables *variables, const JsonbValue *value)
{
    uint32 type = type_of(value);

    if (type == HERALD_NUMBER && (variables->types & HERALD_INTEGER) != 0 &&
        !is_whole(value->val.numeric))
        return "a number with a fraction";
    if (fits_type(variables->types, value))
        return "another value";
    for (int i = 0; i < HERALD_TYPES; i++)
        if (herald_types[i].bit == type)
            return herald_types[i].expected;
    return "unknown";
}

static int
hint_declaration(const struct checker *checker, const char *description)
{
    if (checker->template_name == NULL)
        return 0;
    return errhint("Template \"%s\" version %d declares it%s%s.", checker->template_name,
                   checker->version, description == NULL ? "" : ": ",
                   description == NULL ? "" : description);
}

static void
refuse_value(const struct checker *checker, const struct herald_variables *variables,
             const JsonbValue *value, const struct herald_path *path)
{
    ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
            errmsg("%s must be %s", herald_path_text(path), expected(variables)),
            errdetail("It is %s.", came(variables, value)),
            hint_declaration(checker, variables->description));
}

static void
refuse_missing(const struct checker *checker, const struct herald_property *property,
               const struct herald_path *path)
{
    const struct herald_path at = { path, property->name, property->length, 0 };

    ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
            errmsg("%s is missing", herald_path_text(&at)),
            errdetail("It must be %s.", expected(property->value)),
            hint_declaration(checker, property->value->description));
}

/* Refuse the first member that no property is declared for. */
static void
refuse_undeclared(const struct checker *checker, const struct herald_variables *variables,
                  JsonbContainer *members, const struct herald_path *path)
{
    JsonbIterator *iterator = JsonbIteratorInit(members);
    JsonbIteratorToken token;
    struct herald_path at = { path, NULL, 0, 0 };
    const char *near;
    JsonbValue key;

    while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
        if (token == WJB_KEY &&
            herald_variables_find(variables, key.val.string.val, key.val.string.len) == NULL)
            break;
    at.name = key.val.string.val;
    at.length = key.val.string.len;
    near = herald_variables_nearest(variables, at.name, at.length);
    ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
            errmsg("%s is not declared", herald_path_text(&at)),
            near != NULL ? errhint("Did you mean \"%s\"?", near) : hint_declaration(checker, NULL));
}

static void check_value(struct checker *checker, const struct herald_variables *variables,
                        const JsonbValue *value, const struct herald_path *path);

static void
check_members(struct checker *checker, const struct herald_variables *variables,
              JsonbContainer *members, const struct herald_path *path)
{
    uint32 found = 0;

    spend(checker, path, variables->property_count);
    for (int i = 0; i < variables->property_count; i++)
    {
        const struct herald_property *property = &variables->properties[i];
        const struct herald_path at = { path, property->name, property->length, 0 };
        JsonbValue member;

        if (getKeyJsonValueFromContainer(members, at.name, at.length, &member) != NULL)
        {
            found++;
            check_value(checker, property->value, &member, &at);
        }
        else if (property->value->value != NULL)
            checker->fill = true;
        else if (property->required)
            refuse_missing(checker, property, path);
    }
    if (variables->closed && found < JsonContainerSize(members))
        refuse_undeclared(checker, variables, members, path);
}

static void
check_items(struct checker *checker, const struct herald_variables *variables,
            JsonbContainer *items, const struct herald_path *path)
{
    JsonbIterator *iterator = JsonbIteratorInit(items);
    struct herald_path at = { path, NULL, 0, 0 };
    JsonbIteratorToken token;
    JsonbValue item;

    spend(checker, path, (int) JsonContainerSize(items));
    while ((token = JsonbIteratorNext(&iterator, &item, true)) != WJB_DONE)
        if (token == WJB_ELEM)
        {
            check_value(checker, variables->items, &item, &at);
            at.item++;
        }
}

static void
check_choice(struct checker *checker, const struct herald_variables *variables,
             const JsonbValue *value, const struct herald_path *path)
{
    JsonbValue key = *value;

    spend(checker, path, (int) JsonContainerSize(variables->choices));
    if (value->type == jbvBinary ||
        findJsonbValueFromContainer(variables->choices, JB_FARRAY, &key) == NULL)
        refuse_value(checker, variables, value, path);
}

static void
check_value(struct checker *checker, const struct herald_variables *variables,
            const JsonbValue *value, const struct herald_path *path)
{
    check_stack_depth();
    CHECK_FOR_INTERRUPTS();
    if (!fits_type(variables->types, value))
        refuse_value(checker, variables, value, path);
    if (variables->choices != NULL)
        check_choice(checker, variables, value, path);
    if (value->type != jbvBinary)
        return;
    if (JsonContainerIsObject(value->val.binary.data))
        check_members(checker, variables, value->val.binary.data, path);
    else if (variables->items != NULL)
        check_items(checker, variables, value->val.binary.data, path);
}

bool
herald_variables_check(const struct herald_variables *variables, const JsonbValue *value,
                       const struct herald_path *path, const char *template_name, int version)
{
    struct checker checker = { .template_name = template_name, .version = version };

    check_value(&checker, variables, value, path);
    return checker.fill;
}

struct filler
{
    JsonbParseState *state;
    JsonbValue *root; /* what was completed last */
    size_t added;     /* bytes of defaults */
};

/* Defaults may stand in every item of a list, so their sum is bounded before they are copied. */
static void
count_default(struct filler *filler, const struct herald_property *property)
{
    const JsonbValue *value = property->value->value;

    filler->added += (size_t) property->length + 8;
    if (value->type == jbvString)
        filler->added += (size_t) value->val.string.len;
    else if (value->type == jbvBinary)
        filler->added += (size_t) value->val.binary.len;
    if (filler->added > HERALD_DATA_BYTES)
        ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                errmsg("data is larger than %d bytes with its defaults", HERALD_DATA_BYTES));
}

static void fill_value(struct filler *filler, JsonbIteratorToken token,
                       const struct herald_variables *variables, JsonbValue *value);

/* The properties that the object lacks and that have a default. */
static void
add_defaults(struct filler *filler, const struct herald_variables *variables,
             JsonbContainer *members)
{
    for (int i = 0; i < variables->property_count; i++)
    {
        const struct herald_property *property = &variables->properties[i];
        JsonbValue key = { .type = jbvString };
        JsonbValue member;

        if (property->value->value == NULL ||
            getKeyJsonValueFromContainer(members, property->name, property->length, &member) !=
                NULL)
            continue;
        count_default(filler, property);
        key.val.string.val = pnstrdup(property->name, (Size) property->length);
        key.val.string.len = property->length;
        pushJsonbValue(&filler->state, WJB_KEY, &key);
        fill_value(filler, WJB_VALUE, property->value, property->value->value);
    }
}

static void
fill_container(struct filler *filler, const struct herald_variables *variables,
               JsonbContainer *container)
{
    JsonbIterator *iterator = JsonbIteratorInit(container);
    const struct herald_variables *of_value = variables->items;
    JsonbIteratorToken token;
    JsonbValue item;

    check_stack_depth();
    while ((token = JsonbIteratorNext(&iterator, &item, true)) != WJB_DONE)
    {
        const struct herald_property *property;

        CHECK_FOR_INTERRUPTS();
        if (token == WJB_VALUE || token == WJB_ELEM)
        {
            fill_value(filler, token, of_value, &item);
            continue;
        }
        if (token == WJB_END_OBJECT)
            add_defaults(filler, variables, container);
        filler->root = pushJsonbValue(&filler->state, token, token == WJB_KEY ? &item : NULL);
        if (token != WJB_KEY)
            continue;
        property = herald_variables_find(variables, item.val.string.val, item.val.string.len);
        of_value = property == NULL ? NULL : property->value;
    }
}

static void
fill_value(struct filler *filler, JsonbIteratorToken token,
           const struct herald_variables *variables, JsonbValue *value)
{
    if (variables != NULL && variables->fills && value->type == jbvBinary)
        fill_container(filler, variables, value->val.binary.data);
    else
        pushJsonbValue(&filler->state, token, value);
}

Jsonb *
herald_variables_apply(const struct herald_variables *variables, Jsonb *data,
                       const char *template_name, int version)
{
    static const struct herald_path root = { NULL, "data", 4, 0 };
    JsonbValue value = { .type = jbvBinary };
    struct filler filler = { 0 };
    StringInfoData text_form;
    Jsonb *filled;

    value.val.binary.data = &data->root;
    value.val.binary.len = (int) VARSIZE(data) - VARHDRSZ;
    if (!herald_variables_check(variables, &value, &root, template_name, version))
        return data;
    fill_container(&filler, variables, &data->root);
    filled = JsonbValueToJsonb(filler.root);
    initStringInfo(&text_form);
    return herald_value_take(JsonbPGetDatum(filled), "data", HERALD_DATA_BYTES, HERALD_DATA_DEPTH,
                             &text_form);
}

Datum
herald_fill_variables(PG_FUNCTION_ARGS)
{
    struct herald_variables *variables = herald_variables_compile(PG_GETARG_JSONB_P(0));
    Jsonb *data = PG_GETARG_JSONB_P(1);

    if (variables != NULL)
        data = herald_variables_apply(variables, data, text_to_cstring(PG_GETARG_TEXT_PP(2)),
                                      PG_GETARG_INT32(3));
    PG_RETURN_JSONB_P(data);
}
