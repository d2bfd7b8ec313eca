/* A JSON object of a template whose members are all known. */
#ifndef PROVIDERS_MEMBERS_H
#define PROVIDERS_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/json.h"
#include "providers/provider.h"

#define MEMBER_TEXT_MAX 255

enum member_type
{
    MEMBER_ANY,
    MEMBER_TEXT, /* 1 to MEMBER_TEXT_MAX bytes, no control characters */
    MEMBER_WORD,
    MEMBER_BOOLEAN,
    MEMBER_INTEGER,
    MEMBER_NUMBER,
    MEMBER_OBJECT
};

struct member
{
    const char *name; /* NULL ends the table */
    enum member_type type;
    const char *const *words; /* of MEMBER_WORD, ended by NULL */
    int64_t min;              /* of MEMBER_INTEGER */
    int64_t max;
};

/*
 * Read a part as an object: NULL when the part is absent or empty. Release it with json_destroy().
 * False with *reterr (class content, code bad_PART) when it is no object, or members_check() says
 * so.
 */
bool members_read(const struct message *message, const char *part, const struct member *table,
                  json **ret, struct arena *arena, struct provider_error *reterr);

/*
 * Check an object; null stands for a member that is absent. The reason names the member by its
 * path, and what is allowed.
 */
bool members_check(const json *object, const char *code, const char *path,
                   const struct member *table, struct arena *arena, struct provider_error *reterr);

#endif
