/* One database session, used one statement after the other: each call waits for the answer. */
#ifndef CTL_CONNECTION_H
#define CTL_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/db.h"

struct connection;

/* The rows of a statement; valid only inside the call. */
typedef void (*connection_rows_fn)(void *user, const struct db_result *result);

/* NULL with *reterr when the database cannot be reached. */
struct connection *connection_open(struct arena *arena, const char *conninfo, const char **reterr);
void connection_close(struct connection *connection); /* NULL is allowed */

/*
 * Run one statement with text parameters, and show its rows to take (NULL: nobody looks). False
 * with *reterr, in the arena: the server's message, and below it what it says besides.
 */
bool connection_run(struct connection *connection, const char *sql, int param_count,
                    const char *const *params, connection_rows_fn take, void *user,
                    const char **reterr);

/* A text[] as PostgreSQL reads it. */
char *connection_array(struct arena *arena, size_t count, const char *const *items);

#endif
