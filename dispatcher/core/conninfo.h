/* The connection string among a program's options. */
#ifndef CORE_CONNINFO_H
#define CORE_CONNINFO_H

#include <stdbool.h>

#include "core/arena.h"
#include "core/options.h"

/*
 * Of the option "conninfo": *ret is what libpq shall connect with, "" when nothing is given. False
 * with *reterr (in the arena) when it cannot be parsed, or holds a password on the command line,
 * where others could read it.
 */
bool conninfo_settle(struct arena *arena, const struct options *options, const char **ret,
                     const char **reterr);

#endif
