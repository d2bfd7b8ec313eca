/*
 * Templates of the database, compiled for one channel and locale and cached in each backend until
 * one of the tables they come from changes.
 */
#ifndef HERALD_COMPILED_H
#define HERALD_COMPILED_H

#include "liquid.h"

#include "object.h"

struct herald_compiled_part
{
    char *name;
    enum lq_escape escape;
    struct lq_template *template; /* NULL: it does not compile, error tells why */
    struct lq_error error;
};

struct herald_compiled
{
    const struct lq_value **translations; /* by precedence */
    size_t translation_count;
    bool lax;              /* unknown variables and filters are no errors */
    char *tracking_url;    /* what tracking links begin with, empty: the URL itself is printed */
    char *object_base_url; /* what URLs of objects begin with, empty: there are none */
    uint8 object_key[HERALD_OBJECT_KEY_SIZE];
    int part_count;
    struct herald_compiled_part *parts; /* by name */
};

/*
 * The parts of a version (drafts too) for a channel, or "shared", and a locale ('' is the default).
 * mode is "strict" or "lax", NULL for the version's. Runs SQL. What it returns is good until the
 * next call. Strings are NUL-terminated.
 */
const struct herald_compiled *herald_compiled_find(const char *template_name, int version,
                                                   const char *channel, const char *locale,
                                                   const char *mode);

#endif
