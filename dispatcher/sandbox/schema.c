/* Walks a JSON object along its table. */
#include "sandbox/schema.h"

#include <stdint.h>
#include <string.h>

struct walk
{
    const struct schema *schema;
    const json *object;
    const char *path;
    bool camel;
    struct arena *arena;
    struct schema_error *error;
    bool ok;
};

bool
schema_is_integer(const json *object, const char *key)
{
    return json_get_int(object, key, 0) == json_get_int(object, key, 1);
}

bool
schema_is_boolean(const json *object, const char *key)
{
    return json_get_bool(object, key, false) == json_get_bool(object, key, true);
}

/* camelCase to snake_case. */
static const char *
snake(struct arena *arena, const char *name)
{
    char *ret = arena_alloc(arena, strlen(name) * 2 + 1);
    size_t out = 0;

    for (; *name != '\0'; name++)
    {
        bool upper = *name >= 'A' && *name <= 'Z';

        if (upper)
        {
            ret[out++] = '_';
        }
        ret[out++] = (char) (upper ? *name | 0x20 : *name);
    }
    return ret;
}

static bool
complain(struct walk *walk, const char *field, const char *problem)
{
    walk->error->field = field;
    walk->error->problem = problem;
    walk->error->unknown = false;
    walk->ok = false;
    return false;
}

struct strings
{
    const char *bad;
};

static bool
member_is_string(const char *key, json *value, void *user)
{
    struct strings *strings = user;

    if (!json_is_string(value))
    {
        strings->bad = key;
    }
    return strings->bad == NULL;
}

static bool
check_strings(struct walk *walk, const json *value, const char *field)
{
    struct strings strings = { NULL };

    if (!json_is_object(value))
    {
        return complain(walk, field, "must be an object");
    }
    json_each(value, member_is_string, &strings);
    if (strings.bad != NULL)
    {
        return complain(walk, arena_printf(walk->arena, "%s.%s", field, strings.bad),
                        "must be a string");
    }
    return true;
}

static bool
check_list(struct walk *walk, const struct schema *row, const json *value, const char *field)
{
    if (!json_is_array(value))
    {
        return complain(walk, field, "must be an array");
    }
    for (size_t i = 0; i < json_array_length(value); i++)
    {
        const json *item = json_array_at(value, i);
        const char *name = arena_printf(walk->arena, "%s.%zu", field, i);

        if (row->type == SCHEMA_LIST && !json_is_string(item))
        {
            return complain(walk, name, "must be a string");
        }
        if (row->type == SCHEMA_LIST)
        {
            continue;
        }
        if (!json_is_object(item))
        {
            return complain(walk, name, "must be an object");
        }
        walk->ok = schema_check(row->sub, item, name, walk->camel, walk->arena, walk->error);
        if (!walk->ok)
        {
            return false;
        }
    }
    return true;
}

static bool
check_object(struct walk *walk, const struct schema *row, const json *value, const char *field)
{
    if (!json_is_object(value))
    {
        return complain(walk, field, "must be an object");
    }
    if (row->sub != NULL)
    {
        walk->ok = schema_check(row->sub, value, field, walk->camel, walk->arena, walk->error);
    }
    return walk->ok;
}

static bool
check_value(struct walk *walk, const struct schema *row, const char *key, const json *value,
            const char *field)
{
    switch (row->type)
    {
        case SCHEMA_STRING:
            return json_is_string(value) || complain(walk, field, "must be a string");
        case SCHEMA_INTEGER:
            return schema_is_integer(walk->object, key) ||
                   complain(walk, field, "must be an integer");
        case SCHEMA_NUMBER:
            return (value != NULL && !json_is_string(value) && !json_is_object(value) &&
                    !json_is_array(value) && !schema_is_boolean(walk->object, key)) ||
                   complain(walk, field, "must be a number");
        case SCHEMA_BOOLEAN:
            return schema_is_boolean(walk->object, key) ||
                   complain(walk, field, "must be a boolean");
        case SCHEMA_STRINGS:
            return check_strings(walk, value, field);
        case SCHEMA_LIST:
        case SCHEMA_OBJECTS:
            return check_list(walk, row, value, field);
        case SCHEMA_OBJECT:
            return check_object(walk, row, value, field);
        case SCHEMA_ANY:
            break;
    }
    return true;
}

static bool
check_member(const char *key, json *value, void *user)
{
    struct walk *walk = user;
    const char *name = walk->camel ? snake(walk->arena, key) : key;
    const char *field = walk->path[0] != '\0' ? arena_printf(walk->arena, "%s.%s", walk->path, key)
                                              : arena_strdup(walk->arena, key);
    const struct schema *row = walk->schema;

    while (row->name != NULL && strcmp(row->name, name) != 0)
    {
        row++;
    }
    if (row->name != NULL)
    {
        return check_value(walk, row, key, value, field);
    }
    complain(walk, field, "unknown name");
    walk->error->unknown = true;
    return false;
}

bool
schema_check(const struct schema *schema, const json *object, const char *path, bool camel,
             struct arena *arena, struct schema_error *reterr)
{
    struct walk walk = { schema, object, path, camel, arena, reterr, true };

    json_each(object, check_member, &walk);
    return walk.ok;
}
