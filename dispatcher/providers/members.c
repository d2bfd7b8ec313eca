/* Objects of templates. */
#include "providers/members.h"

#include <string.h>

#include "providers/build.h"

#define NAME_BYTES_MAX 64

struct walk
{
    const struct member *table;
    const json *object;
    const char *code;
    const char *path;
    struct arena *arena;
    struct provider_error *reterr;
};

static bool
refuse(const struct walk *walk, const char *reason)
{
    return build_refuse(walk->reterr, OUTCOME_CONTENT, walk->code, reason);
}

static bool
refuse_value(const struct walk *walk, const char *name, const char *wanted)
{
    return refuse(walk, arena_printf(walk->arena, "%s.%s must be %s", walk->path, name, wanted));
}

/* A list of words with one more. */
static const char *
add_word(const struct walk *walk, const char *words, const char *word)
{
    return arena_printf(walk->arena, "%s%s%s", words, *words != '\0' ? ", " : "", word);
}

static bool
refuse_unknown(const struct walk *walk, const char *name)
{
    const char *words = "";

    for (const struct member *row = walk->table; row->name != NULL; row++)
    {
        words = add_word(walk, words, row->name);
    }
    /* A long name is not repeated: cut inside of a character it would be no text any more. */
    return refuse(walk, strlen(name) > NAME_BYTES_MAX
                            ? arena_printf(walk->arena, "%s has a member that is none of %s",
                                           walk->path, words)
                            : arena_printf(walk->arena, "%s has a member \"%s\" that is none of %s",
                                           walk->path, name, words));
}

static bool
check_word(const struct walk *walk, const struct member *row, const char *text)
{
    const char *words = "";

    for (size_t i = 0; row->words[i] != NULL; i++)
    {
        if (text != NULL && strcmp(row->words[i], text) == 0)
        {
            return true;
        }
        words = add_word(walk, words, row->words[i]);
    }
    return refuse_value(walk, row->name, arena_printf(walk->arena, "one of %s", words));
}

static bool
check_text(const struct walk *walk, const struct member *row, const char *text)
{
    return (text != NULL && *text != '\0' && strlen(text) <= MEMBER_TEXT_MAX &&
            !build_has_control(text)) ||
           refuse_value(walk, row->name, "a text of 1 to 255 bytes without control characters");
}

static bool
check_integer(const struct walk *walk, const struct member *row)
{
    /* min - 1 is out of range as what is no integer. */
    int64_t value = json_get_int(walk->object, row->name, row->min - 1);

    return (value >= row->min && value <= row->max) ||
           refuse_value(walk, row->name,
                        arena_printf(walk->arena, "a whole number from %lld to %lld",
                                     (long long) row->min, (long long) row->max));
}

static bool
check_value(const struct walk *walk, const struct member *row, const json *value)
{
    switch (row->type)
    {
        case MEMBER_TEXT:
            return check_text(walk, row, json_string(value));
        case MEMBER_WORD:
            return check_word(walk, row, json_string(value));
        case MEMBER_BOOLEAN:
            return json_get_bool(walk->object, row->name, false) ==
                       json_get_bool(walk->object, row->name, true) ||
                   refuse_value(walk, row->name, "true or false");
        case MEMBER_INTEGER:
            return check_integer(walk, row);
        case MEMBER_NUMBER:
            return json_is_number(value) || refuse_value(walk, row->name, "a number");
        case MEMBER_OBJECT:
            return json_is_object(value) || refuse_value(walk, row->name, "an object");
        case MEMBER_ANY:
            break;
    }
    return true;
}

static bool
check_member(const char *key, json *value, void *user)
{
    const struct walk *walk = user;
    const struct member *row = walk->table;

    while (row->name != NULL && strcmp(row->name, key) != 0)
    {
        row++;
    }
    if (row->name == NULL)
    {
        return refuse_unknown(walk, key);
    }
    return value == NULL || check_value(walk, row, value);
}

bool
members_check(const json *object, const char *code, const char *path, const struct member *table,
              struct arena *arena, struct provider_error *reterr)
{
    struct walk walk = { table, object, code, path, arena, reterr };

    return json_each(object, check_member, &walk);
}

bool
members_read(const struct message *message, const char *part, const struct member *table,
             json **ret, struct arena *arena, struct provider_error *reterr)
{
    const char *text = message_part(message, part);
    const char *code = arena_printf(arena, "bad_%s", part);

    *ret = NULL;
    if (text == NULL)
    {
        return true;
    }
    *ret = json_parse(text, strlen(text), NULL);
    if (!json_is_object(*ret))
    {
        build_refuse(reterr, OUTCOME_CONTENT, code,
                     arena_printf(arena, "%s is not a JSON object", part));
    }
    else if (members_check(*ret, code, part, table, arena, reterr))
    {
        return true;
    }
    json_destroy(*ret);
    *ret = NULL;
    return false;
}
