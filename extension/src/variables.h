/*
 * Variables that a template declares, in a subset of JSON Schema: compiled once, and data of sends
 * checked against them.
 */
#ifndef HERALD_VARIABLES_H
#define HERALD_VARIABLES_H

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

enum
{
    HERALD_VARIABLES_BYTES = 65536,
    HERALD_VARIABLES_DEPTH = 32,
    HERALD_ENUM_MAX = 100
};

/* Types as bits. */
enum herald_type
{
    HERALD_NULL = 1 << 0,
    HERALD_BOOLEAN = 1 << 1,
    HERALD_INTEGER = 1 << 2,
    HERALD_NUMBER = 1 << 3,
    HERALD_STRING = 1 << 4,
    HERALD_ARRAY = 1 << 5,
    HERALD_OBJECT = 1 << 6
};

struct herald_type_name
{
    const char *name;
    uint32 bit;
    const char *expected; /* in "must be …" */
};

enum
{
    HERALD_TYPES = 7
};

extern const struct herald_type_name herald_types[HERALD_TYPES];

struct herald_property
{
    const char *name; /* not NUL-terminated */
    int length;
    bool required;
    struct herald_variables *value;
};

/* What a value must be like: the whole data, a member, or the items of a list. */
struct herald_variables
{
    uint32 types;            /* 0: any */
    JsonbContainer *choices; /* list of scalars; NULL: any */
    JsonbValue *value;       /* default; NULL: none */
    const char *description; /* NULL: none */
    int property_count;
    struct herald_property *properties; /* in the order of jsonb */
    struct herald_variables *items;     /* NULL: anything */
    bool closed;                        /* no other members */
    bool fills;                         /* something in it has a default */
};

/* Where a value stands; the root has no parent. */
struct herald_path
{
    const struct herald_path *parent;
    const char *name; /* not NUL-terminated; NULL: an item */
    int length;
    int item;
};

/* A property by name, NULL when there is none; the property most likely meant, NULL: none is near.
 */
struct herald_property *herald_variables_find(const struct herald_variables *variables,
                                              const char *name, int length);
const char *herald_variables_nearest(const struct herald_variables *variables, const char *name,
                                     int length);

/* "data.items[3].price" */
char *herald_path_text(const struct herald_path *path);

/*
 * Compile a declaration into the current context; the document is copied. NULL when it declares
 * nothing. Raises 22023 with the path of what is wrong with it. Its size and depth are the
 * caller's to check.
 */
struct herald_variables *herald_variables_compile(Jsonb *declaration);

/*
 * Check a value; raises 22023 with the path of the first that does not fit, 54000 when it takes too
 * long. Template (NULL: none) and version are named in the hint. True when a default is to be
 * filled in.
 */
bool herald_variables_check(const struct herald_variables *variables, const JsonbValue *value,
                            const struct herald_path *path, const char *template_name, int version);

/*
 * Check the data of a send, an object, and return it, or a copy with defaults filled in where it
 * lacks something. Raises as herald_variables_check(), and 54000 when defaults let it grow beyond
 * the ceilings of data.
 */
Jsonb *herald_variables_apply(const struct herald_variables *variables, Jsonb *data,
                              const char *template_name, int version);

#endif
