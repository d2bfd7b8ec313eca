/* One database session, used one statement after the other. */
#include "ctl/connection.h"

#include <string.h>

#include "core/loop.h"

/* To connect: the second attempt begins with another host of a list. */
#define ATTEMPTS 2

struct connection
{
    struct arena *arena;
    struct loop *loop;
    struct db *db;
    int attempts; /* that failed */
    connection_rows_fn take;
    void *user;
    const char *error;
};

static void
on_connected(void *user)
{
    struct connection *connection = user;

    loop_stop(connection->loop);
}

static void
on_failed(void *user, const char *reason)
{
    struct connection *connection = user;

    if (++connection->attempts == ATTEMPTS)
    {
        connection->error = arena_printf(connection->arena, "no database connection: %s", reason);
        loop_stop(connection->loop);
    }
}

struct connection *
connection_open(struct arena *arena, const char *conninfo, const char **reterr)
{
    static const struct db_events events = { .connected = on_connected, .failed = on_failed };
    struct connection *connection = arena_alloc(arena, sizeof(*connection));

    connection->arena = arena;
    connection->loop = loop_create();
    connection->db = db_create(connection->loop, conninfo, "herald-ctl", &events, connection);
    loop_run(connection->loop);
    if (connection->error != NULL)
    {
        *reterr = connection->error;
        connection_close(connection);
        return NULL;
    }
    return connection;
}

void
connection_close(struct connection *connection)
{
    if (connection != NULL)
    {
        db_destroy(connection->db);
        loop_destroy(connection->loop);
    }
}

/* The server's hint, or one where it has none. */
static const char *
hint_of(const struct db_result *result)
{
    const char *sqlstate = db_result_sqlstate(result);

    if (db_result_hint(result)[0] == '\0' && strcmp(sqlstate, "42501") == 0)
    {
        return "Log in as a member of the role herald_author or herald_operator.";
    }
    if (strcmp(sqlstate, "3F000") == 0 || strcmp(sqlstate, "42P01") == 0 ||
        strcmp(sqlstate, "42883") == 0)
    {
        return "This database has no extension pg_herald, or one of another version than"
               " herald-ctl " HERALD_VERSION ".";
    }
    return db_result_hint(result);
}

static void
on_done(void *user, enum db_status status, const struct db_result *result)
{
    struct connection *connection = user;

    if (status != DB_OK)
    {
        const char *detail = db_result_detail(result);
        const char *hint = hint_of(result);

        connection->error = arena_printf(connection->arena, "%s%s%s%s%s", db_result_message(result),
                                         detail[0] != '\0' ? "\n  " : "", detail,
                                         hint[0] != '\0' ? "\n  " : "", hint);
    }
    else if (connection->take != NULL)
    {
        connection->take(connection->user, result);
    }
    loop_stop(connection->loop);
}

bool
connection_run(struct connection *connection, const char *sql, int param_count,
               const char *const *params, connection_rows_fn take, void *user, const char **reterr)
{
    connection->take = take;
    connection->user = user;
    connection->error = NULL;
    db_query(connection->db, false, sql, param_count, params, on_done, connection);
    loop_run(connection->loop);
    if (connection->error != NULL)
    {
        *reterr = connection->error;
    }
    return connection->error == NULL;
}

char *
connection_array(struct arena *arena, size_t count, const char *const *items)
{
    size_t size = 3;
    char *ret;
    char *at;

    for (size_t i = 0; i < count; i++)
    {
        size += 2 * strlen(items[i]) + 3;
    }
    ret = arena_alloc(arena, size);
    at = ret;
    *at++ = '{';
    for (size_t i = 0; i < count; i++)
    {
        *at++ = '"';
        for (const char *from = items[i]; *from != '\0'; from++)
        {
            if (*from == '"' || *from == '\\')
            {
                *at++ = '\\';
            }
            *at++ = *from;
        }
        *at++ = '"';
        *at++ = i + 1 < count ? ',' : ' ';
    }
    *at = '}';
    return ret;
}
