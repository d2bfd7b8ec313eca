/*
 * Declarations of variables, compiled: see variables.h.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "compat.h"
#include "nearest.h"
#include "value.h"
#include "variables.h"

HERALD_FUNCTION(herald_check_variables);

const struct herald_type_name herald_types[HERALD_TYPES] = {
    { "null", HERALD_NULL, "null" },
    { "boolean", HERALD_BOOLEAN, "a boolean" },
    { "integer", HERALD_INTEGER, "an integer" },
    { "number", HERALD_NUMBER, "a number" },
    { "string", HERALD_STRING, "a string" },
    { "array", HERALD_ARRAY, "an array" },
    { "object", HERALD_OBJECT, "an object" },
};

static struct herald_variables *compile(const JsonbValue *value, const struct herald_path *path);

static bool
is_plain(const char *name, int length)
{
    for (int i = 0; i < length; i++)
        if (strchr("\"[].\\ ", name[i]) != NULL || (unsigned char) name[i] < ' ')
            return false;
    return length > 0;
}

static void
append_path(StringInfo out, const struct herald_path *path)
{
    if (path->parent != NULL)
        append_path(out, path->parent);
    if (path->name == NULL)
        appendStringInfo(out, "[%d]", path->item);
    else if (path->parent == NULL || is_plain(path->name, path->length))
        appendStringInfo(out, "%s%.*s", path->parent == NULL ? "" : ".", path->length, path->name);
    else
    {
        appendStringInfoChar(out, '[');
        escape_json(out, pnstrdup(path->name, (Size) path->length));
        appendStringInfoChar(out, ']');
    }
}

char *
herald_path_text(const struct herald_path *path)
{
    StringInfoData out;

    initStringInfo(&out);
    append_path(&out, path);
    return out.data;
}

static void
refuse(const struct herald_path *path, const char *expected)
{
    ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
            errmsg("%s must be %s", herald_path_text(path), expected));
}

static JsonbContainer *
take_container(const JsonbValue *value, bool is_object, const struct herald_path *path)
{
    if (value->type != jbvBinary ||
        (JsonContainerIsObject(value->val.binary.data) ? !is_object : is_object))
        refuse(path, is_object ? "an object" : "an array");
    return value->val.binary.data;
}

static uint32
type_bit(const JsonbValue *name, const struct herald_path *path)
{
    struct herald_nearest nearest;

    if (name->type != jbvString)
        refuse(path, "the name of a type or a list of them");
    herald_nearest_begin(&nearest, name->val.string.val, name->val.string.len);
    for (int i = 0; i < HERALD_TYPES; i++)
    {
        int length = (int) strlen(herald_types[i].name);

        if (length == name->val.string.len &&
            memcmp(herald_types[i].name, name->val.string.val, (size_t) length) == 0)
            return herald_types[i].bit;
        herald_nearest_offer(&nearest, herald_types[i].name, length);
    }
    ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
            errmsg("%s: unknown type \"%.*s\"", herald_path_text(path),
                   pg_mbcliplen(name->val.string.val, name->val.string.len, 64),
                   name->val.string.val),
            nearest.found != NULL
                ? errhint("Did you mean \"%.*s\"?", nearest.found_length, nearest.found)
                : errhint("Types are string, integer, number, boolean, array, object and null."));
    return 0;
}

static void
take_type(struct herald_variables *variables, const JsonbValue *value,
          const struct herald_path *path)
{
    if (value->type == jbvBinary)
    {
        JsonbContainer *names = take_container(value, false, path);

        if (JsonContainerSize(names) == 0)
            refuse(path, "the name of a type or a list of them");
        for (uint32 i = 0; i < JsonContainerSize(names); i++)
            variables->types |= type_bit(getIthJsonbValueFromContainer(names, i), path);
    }
    else
        variables->types = type_bit(value, path);
    if (path->parent->parent == NULL && variables->types != HERALD_OBJECT)
        refuse(path, "\"object\"");
}

static void
take_enum(struct herald_variables *variables, const JsonbValue *value,
          const struct herald_path *path)
{
    JsonbContainer *choices = take_container(value, false, path);
    uint32 count = JsonContainerSize(choices);

    if (count == 0 || count > HERALD_ENUM_MAX)
        refuse(path, psprintf("a list of 1 to %d values", HERALD_ENUM_MAX));
    for (uint32 i = 0; i < count; i++)
        if (getIthJsonbValueFromContainer(choices, i)->type == jbvBinary)
            refuse(path, "a list of strings, numbers, booleans and null");
    variables->choices = choices;
}

static void
take_description(struct herald_variables *variables, const JsonbValue *value,
                 const struct herald_path *path)
{
    if (value->type != jbvString)
        refuse(path, "a string");
    variables->description = pnstrdup(value->val.string.val, (Size) value->val.string.len);
}

static void
take_additional(struct herald_variables *variables, const JsonbValue *value,
                const struct herald_path *path)
{
    if (value->type != jbvBool)
        refuse(path, "a boolean");
    variables->closed = !value->val.boolean;
}

static int
compare_names(const void *left, const void *right)
{
    const struct herald_property *a = left;
    const struct herald_property *b = right;

    if (a->length != b->length)
        return a->length < b->length ? -1 : 1;
    return memcmp(a->name, b->name, (size_t) a->length);
}

struct herald_property *
herald_variables_find(const struct herald_variables *variables, const char *name, int length)
{
    struct herald_property key = { .name = name, .length = length };

    if (variables->property_count == 0)
        return NULL;
    return bsearch(&key, variables->properties, (size_t) variables->property_count, sizeof(key),
                   compare_names);
}

const char *
herald_variables_nearest(const struct herald_variables *variables, const char *name, int length)
{
    struct herald_nearest nearest;

    herald_nearest_begin(&nearest, name, length);
    for (int i = 0; i < variables->property_count; i++)
        herald_nearest_offer(&nearest, variables->properties[i].name,
                             variables->properties[i].length);
    return nearest.found == NULL ? NULL : pnstrdup(nearest.found, (Size) nearest.found_length);
}

static void
refuse_name(const struct herald_variables *variables, const JsonbValue *name,
            const struct herald_path *path)
{
    const char *near =
        herald_variables_nearest(variables, name->val.string.val, name->val.string.len);

    ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
            errmsg("%s: \"%.*s\" is none of the properties", herald_path_text(path),
                   pg_mbcliplen(name->val.string.val, name->val.string.len, 64),
                   name->val.string.val),
            near == NULL ? 0 : errhint("Did you mean \"%s\"?", near));
}

static void
take_required(struct herald_variables *variables, const JsonbValue *value,
              const struct herald_path *path)
{
    JsonbContainer *names = take_container(value, false, path);

    for (uint32 i = 0; i < JsonContainerSize(names); i++)
    {
        JsonbValue *name = getIthJsonbValueFromContainer(names, i);
        struct herald_property *property;

        if (name->type != jbvString)
            refuse(path, "a list of names");
        property = herald_variables_find(variables, name->val.string.val, name->val.string.len);
        if (property == NULL)
            refuse_name(variables, name, path);
        property->required = true;
    }
}

static void
take_properties(struct herald_variables *variables, const JsonbValue *value,
                const struct herald_path *path)
{
    JsonbContainer *members = take_container(value, true, path);
    JsonbIterator *iterator = JsonbIteratorInit(members);
    JsonbIteratorToken token;
    JsonbValue item;

    variables->properties = palloc0(JsonContainerSize(members) * sizeof(*variables->properties));
    while ((token = JsonbIteratorNext(&iterator, &item, true)) != WJB_DONE)
    {
        struct herald_property *property = &variables->properties[variables->property_count];

        if (token == WJB_KEY)
        {
            property->name = item.val.string.val;
            property->length = item.val.string.len;
        }
        else if (token == WJB_VALUE)
        {
            const struct herald_path at = { path, property->name, property->length, 0 };

            property->value = compile(&item, &at);
            variables->fills |= property->value->value != NULL || property->value->fills;
            variables->property_count++;
        }
    }
}

static void
take_items(struct herald_variables *variables, const JsonbValue *value,
           const struct herald_path *path)
{
    variables->items = compile(value, path);
    variables->fills |= variables->items->fills;
}

static void
take_default(struct herald_variables *variables, const JsonbValue *value,
             const struct herald_path *path)
{
    (void) herald_variables_check(variables, value, path, NULL, 0);
    variables->value = palloc(sizeof(*value));
    *variables->value = *value;
}

/* In the order in which they are taken: "required" names properties, a default must fit the rest.
 */
static const struct keyword
{
    const char *name;
    void (*take)(struct herald_variables *variables, const JsonbValue *value,
                 const struct herald_path *path);
    bool in_root; /* data as a whole is an object that always exists */
} keywords[] = {
    { "type", take_type, true },
    { "enum", take_enum, false },
    { "description", take_description, true },
    { "properties", take_properties, true },
    { "required", take_required, true },
    { "additionalProperties", take_additional, true },
    { "items", take_items, false },
    { "default", take_default, false },
};

/* Refuse a member of a declaration that is no keyword. */
static void
check_keyword(const JsonbValue *key, const struct herald_path *path)
{
    struct herald_nearest nearest;
    bool is_root = path->parent == NULL;

    herald_nearest_begin(&nearest, key->val.string.val, key->val.string.len);
    for (size_t i = 0; i < lengthof(keywords); i++)
    {
        int length = (int) strlen(keywords[i].name);

        if (is_root && !keywords[i].in_root)
            continue;
        if (length == key->val.string.len &&
            memcmp(keywords[i].name, key->val.string.val, (size_t) length) == 0)
            return;
        herald_nearest_offer(&nearest, keywords[i].name, length);
    }
    ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
            errmsg("%s: unknown keyword \"%.*s\"", herald_path_text(path),
                   pg_mbcliplen(key->val.string.val, key->val.string.len, 64), key->val.string.val),
            nearest.found != NULL
                ? errhint("Did you mean \"%.*s\"?", nearest.found_length, nearest.found)
                : errhint("Keywords are type, description, properties, required and "
                          "additionalProperties%s.",
                          is_root ? "" : ", enum, items and default"));
}

static struct herald_variables *
compile(const JsonbValue *value, const struct herald_path *path)
{
    struct herald_variables *variables = palloc0(sizeof(*variables));
    JsonbContainer *members = take_container(value, true, path);
    JsonbIterator *iterator = JsonbIteratorInit(members);
    JsonbIteratorToken token;
    JsonbValue item;

    check_stack_depth();
    while ((token = JsonbIteratorNext(&iterator, &item, true)) != WJB_DONE)
        if (token == WJB_KEY)
            check_keyword(&item, path);
    for (size_t i = 0; i < lengthof(keywords); i++)
    {
        const struct herald_path at = { path, keywords[i].name, (int) strlen(keywords[i].name), 0 };

        if (getKeyJsonValueFromContainer(members, at.name, at.length, &item) != NULL)
            keywords[i].take(variables, &item, &at);
    }
    return variables;
}

struct herald_variables *
herald_variables_compile(Jsonb *declaration)
{
    static const struct herald_path root = { NULL, "variables", 9, 0 };
    Jsonb *copy = palloc(VARSIZE(declaration));
    JsonbValue value = { .type = jbvBinary };

    memcpy(copy, declaration, VARSIZE(declaration));
    if (JB_ROOT_COUNT(copy) == 0)
        return NULL;
    value.val.binary.data = &copy->root;
    value.val.binary.len = (int) VARSIZE(copy) - VARHDRSZ;
    return compile(&value, &root);
}

Datum
herald_check_variables(PG_FUNCTION_ARGS)
{
    StringInfoData text_form;

    if (PG_ARGISNULL(0))
        ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                errmsg("variables must not be null"));
    initStringInfo(&text_form);
    (void) herald_variables_compile(herald_value_take(PG_GETARG_DATUM(0), "variables",
                                                      HERALD_VARIABLES_BYTES,
                                                      HERALD_VARIABLES_DEPTH, &text_form));
    PG_RETURN_VOID();
}
