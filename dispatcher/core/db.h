/*
 * One asynchronous PostgreSQL session, on libpq: connects, reconnects for ever with backoff, runs
 * queries in order, delivers notifications.
 */
#ifndef CORE_DB_H
#define CORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/loop.h"

struct db;
struct db_result;

enum db_status
{
    DB_OK,
    DB_ERROR, /* the server refused the statement: see db_result_sqlstate() */
    DB_LOST   /* the session ended before the answer; the statement may have been executed */
};

/* A finished query. result is valid only inside the callback. */
typedef void (*db_query_fn)(void *user, enum db_status status, const struct db_result *result);

struct db_events
{
    /* The session is up; run its set-up queries from here. Called after every (re)connect. */
    void (*connected)(void *user);
    /* The session is gone; queries that waited have been called back with DB_LOST before. */
    void (*lost)(void *user, const char *reason);
    /* NOTIFY on a channel that was LISTENed to. */
    void (*notified)(void *user, const char *channel, const char *payload);
    /* An attempt to connect failed. NULL: db.c logs the first of a row, and the success after it.
     */
    void (*failed)(void *user, const char *reason);
    /* The server refused a statement; its callback follows. */
    void (*refused)(void *user, const char *sqlstate);
};

/*
 * conninfo as libpq takes it, multi-host included. Connecting starts with the loop; failed attempts
 * are logged (the first of a row as a warning) and repeated after 50 ms … 1 s, later 5 s. Any event
 * may be NULL; events and strings are copied. Names of hosts are resolved synchronously, by libpq.
 */
struct db *db_create(struct loop *loop, const char *conninfo, const char *application_name,
                     const struct db_events *events, void *user);
void db_destroy(struct db *db);

/*
 * Close now and stay closed: queries queued or under way are called back with DB_LOST from inside,
 * the `lost` event is not raised. db_destroy() calls nothing back. Both may be called from any of
 * the callbacks.
 */
void db_close(struct db *db);

/* End the session as if the server had, and connect again; nothing while there is none. */
void db_drop(struct db *db, const char *reason);

bool db_is_connected(const struct db *db);

/*
 * Queue a query; text parameters, NULL allowed. Queries run in the order given. Pipelined ones are
 * sent without waiting for answers and prepared once per session; a query that fails never aborts
 * its neighbours (each has its own sync point, so its own transaction). A query that is not
 * pipelined runs alone and unprepared: for CALL and LISTEN. sql must outlive the session (a string
 * literal); parameters are copied. done is never called from inside db_query(); while there is no
 * session it is called with DB_LOST in the next iteration of the loop, nothing waits for a
 * reconnect.
 */
void db_query(struct db *db, bool pipelined, const char *sql, int param_count,
              const char *const *params, db_query_fn done, void *user);

/*
 * Does libpq understand the conninfo? *ret_password: it holds a password. False with *reterr (in
 * the arena, no value in it).
 */
bool db_conninfo_check(const char *conninfo, struct arena *arena, bool *ret_password,
                       const char **reterr);

/* Queries queued or under way. */
size_t db_pending(const struct db *db);

/* Accessors; the result of DB_LOST has no rows, no SQLSTATE, and the reason as its message. */
int db_result_rows(const struct db_result *result);
/* Column value, NULL when null; columns by number. */
const char *db_result_value(const struct db_result *result, int row, int column);
size_t db_result_length(const struct db_result *result, int row, int column);
const char *db_result_sqlstate(const struct db_result *result); /* "" on success */
const char *db_result_message(const struct db_result *result);  /* primary message */
/* What may follow an error's message; "" when nothing does. */
const char *db_result_detail(const struct db_result *result);
const char *db_result_hint(const struct db_result *result);

#endif
