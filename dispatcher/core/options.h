/*
 * Settings of a daemon from one table: command line, environment, settings file, default, in this
 * order of precedence; and the help text from the same table.
 */
#ifndef CORE_OPTIONS_H
#define CORE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"

#define OPTIONS_FILE_MAX 65536

enum option_flags
{
    OPTION_SECRET = 1,  /* refused on the command line, where others can read it */
    OPTION_COMMAND = 2, /* only on the command line (--version, --check-config) */
    OPTION_CONFIG = 4   /* names the settings file; not allowed inside it */
};

struct option_row
{
    const char *group;    /* heading in the help text; rows of a group stand together */
    const char *name;     /* long name without dashes; also the name in the settings file */
    char letter;          /* short name, or 0 */
    const char *argument; /* "FILE"; NULL: a switch */
    const char *env;      /* environment variable; NULL: none */
    const char *fallback; /* default; NULL: unset */
    unsigned int flags;   /* enum option_flags */
    const char *doc;      /* one sentence */
};

struct options_program
{
    const char *name;              /* "herald-dispatcher" */
    const char *usage;             /* what follows the name in the usage line, "[OPTION]…" */
    const char *summary;           /* what it does, one or two lines */
    const struct option_row *rows; /* ends with a NULL name */
    const char *examples;          /* lines, each with its line end; NULL: none */
    bool operands;                 /* arguments that are no options may stand among them */
};

struct options;

/*
 * Settle all values. --help (-h) needs no row: options_help_wanted() tells. NULL with *reterr
 * (in the arena: what, where from, and how to put it right) on the first mistake. May be called
 * again with the same arguments to reload. Everything lives in the arena.
 */
struct options *options_parse(struct arena *arena, const struct options_program *program, int argc,
                              char *const *argv, const char **reterr);

bool options_help_wanted(const struct options *options);

/* The help text. */
char *options_help(struct arena *arena, const struct options_program *program);

/* How many operands there are; *ret: the first one. getopt_long() moves them to the end of argv. */
int options_operands(const struct options *options, char *const **ret);

/* A value, or NULL when unset. The name must be in the table. */
const char *options_get(const struct options *options, const char *name);

/* Is the switch on? */
bool options_get_switch(const struct options *options, const char *name);

/* A number within bounds; false with *reterr when the text is no such number. Unset: unchanged. */
bool options_get_int(const struct options *options, const char *name, int64_t min, int64_t max,
                     int64_t *ret, const char **reterr);

/* Where a value comes from: "--name", "environment variable X", "path:line", "default". */
const char *options_origin(const struct options *options, const char *name);

#endif
