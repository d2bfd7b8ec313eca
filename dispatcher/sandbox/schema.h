/* Which members a JSON object may have, and of which type: tables for the strict doubles. */
#ifndef SANDBOX_SCHEMA_H
#define SANDBOX_SCHEMA_H

#include <stdbool.h>

#include "core/arena.h"
#include "core/json.h"

enum schema_type
{
    SCHEMA_STRING,
    SCHEMA_INTEGER,
    SCHEMA_NUMBER,
    SCHEMA_BOOLEAN,
    SCHEMA_STRINGS, /* object of strings */
    SCHEMA_LIST,    /* array of strings */
    SCHEMA_OBJECT,  /* sub NULL: any members */
    SCHEMA_OBJECTS, /* array of objects */
    SCHEMA_ANY
};

struct schema
{
    const char *name; /* snake_case; NULL ends the table */
    enum schema_type type;
    const struct schema *sub; /* of SCHEMA_OBJECT and SCHEMA_OBJECTS */
};

struct schema_error
{
    const char *field;   /* path: message.android.ttl */
    const char *problem; /* "unknown name", "must be a string", … */
    bool unknown;        /* the member is not in the table */
};

/* Check an object against a table; camel: camelCase names are the same as snake_case ones. */
bool schema_check(const struct schema *schema, const json *object, const char *path, bool camel,
                  struct arena *arena, struct schema_error *reterr);

/* Is the member an integer, a boolean? */
bool schema_is_integer(const json *object, const char *key);
bool schema_is_boolean(const json *object, const char *key);

#endif
