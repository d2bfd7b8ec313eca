/* One asynchronous PostgreSQL session, on libpq. */
#include "core/db.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "core/failpoint.h"
#include "core/log.h"
#include "core/mem.h"

#define DB_BACKOFF_FIRST_MS 50
#define DB_BACKOFF_MAX_MS 5000
#define DB_BACKOFF_SOON_MS 1000 /* the longest pause for the first attempts: a restart is short */
#define DB_BACKOFF_SOON_COUNT 30
#define DB_CONNECT_TIMEOUT_S 10
#define DB_REASON_MAX 256
#define DB_NAME_MAX 24

struct db_result
{
    const PGresult *pg; /* NULL: the session was lost */
    const char *reason;
};

struct db_query_item
{
    struct db_query_item *next;
    const char *sql;
    char **params;
    int param_count;
    bool pipelined;
    bool prepares; /* a Parse goes in front, its result too */
    db_query_fn done;
    void *user;
    PGresult *result; /* the last one, or the first error */
};

struct db_list
{
    struct db_query_item *first;
    struct db_query_item **end;
    size_t count;
};

struct db_statement
{
    const char *sql;
    char name[DB_NAME_MAX];
};

enum db_state
{
    DB_STATE_WAITING, /* for the next attempt */
    DB_STATE_CONNECTING,
    DB_STATE_READY,
    DB_STATE_CLOSED
};

struct db
{
    struct loop *loop;
    char *conninfo;
    char *application_name;
    struct db_events events;
    void *user;

    enum db_state state;
    PGconn *conn;
    struct loop_watch *watch;
    struct loop_timer *timer;    /* next attempt, or the end of this one */
    struct loop_timer *deferred; /* calls back what was refused */
    int64_t backoff_ms;
    unsigned int failures; /* attempts in a row */
    size_t host_first;     /* where in a list of hosts the next attempt starts */
    size_t host_steps;     /* hosts this attempt has given up */
    char host_name[128];
    char farewell[DB_REASON_MAX]; /* what the server said when it ended an idle session */

    struct db_list queued;  /* not sent */
    struct db_list sent;    /* under way, in order */
    struct db_list refused; /* came while there was no session */
    bool alone;             /* a query that is not pipelined is under way */
    bool broken;            /* libpq refused to send: the session is of no more use */
    struct db_statement *statements;
    size_t statement_count;
    unsigned int statement_next;

    unsigned int depth; /* inside callbacks: memory must stay */
    bool destroyed;
};

static void db_connect(void *user);
static void db_on_ready(void *user, int events);
static void db_session_lost(struct db *db, const char *reason);

/* ---- small things ---- */

static void
db_list_init(struct db_list *list)
{
    list->first = NULL;
    list->end = &list->first;
    list->count = 0;
}

static void
db_list_add(struct db_list *list, struct db_query_item *item)
{
    item->next = NULL;
    *list->end = item;
    list->end = &item->next;
    list->count++;
}

static struct db_query_item *
db_list_take(struct db_list *list)
{
    struct db_query_item *item = list->first;

    if (item != NULL)
    {
        list->first = item->next;
        list->count--;
        if (list->first == NULL)
        {
            list->end = &list->first;
        }
    }
    return item;
}

static void
db_item_free(struct db_query_item *item)
{
    PQclear(item->result);
    free(item->params);
    free(item);
}

/* The first line of a libpq message. */
static void
db_reason(char ret[DB_REASON_MAX], const char *message)
{
    size_t len = strcspn(message, "\n");

    if (len == 0)
    {
        message = "the server closed the connection";
        len = strlen(message);
    }
    snprintf(ret, DB_REASON_MAX, "%.*s", len < DB_REASON_MAX ? (int) len : DB_REASON_MAX - 1,
             message);
}

static void
db_release(struct db *db)
{
    struct db_query_item *item;

    while ((item = db_list_take(&db->sent)) != NULL || (item = db_list_take(&db->queued)) != NULL ||
           (item = db_list_take(&db->refused)) != NULL)
    {
        db_item_free(item);
    }
    loop_timer_destroy(db->timer);
    loop_timer_destroy(db->deferred);
    free(db->statements);
    free(db->conninfo);
    free(db->application_name);
    free(db);
}

/* Callbacks run between enter and leave; false from leave: db is gone. */
static void
db_enter(struct db *db)
{
    db->depth++;
}

static bool
db_leave(struct db *db)
{
    db->depth--;
    if (db->destroyed && db->depth == 0)
    {
        db_release(db);
        return false;
    }
    return !db->destroyed;
}

static void
db_call_back(struct db *db, struct db_query_item *item, enum db_status status, const char *reason)
{
    const struct db_result result = { .pg = item->result, .reason = reason };

    if (!db->destroyed && item->done != NULL)
    {
        item->done(item->user, status, &result);
    }
    db_item_free(item);
}

/* Call back a list with DB_LOST; what the callbacks queue meanwhile goes elsewhere. */
static void
db_lose_list(struct db *db, struct db_list *list, const char *reason)
{
    struct db_query_item *item;

    while ((item = db_list_take(list)) != NULL)
    {
        PQclear(item->result);
        item->result = NULL;
        db_call_back(db, item, DB_LOST, reason);
    }
}

static void
db_drop_connection(struct db *db)
{
    loop_watch_destroy(db->watch);
    db->watch = NULL;
    PQfinish(db->conn);
    db->conn = NULL;
    db->alone = false;
    db->broken = false;
    db->farewell[0] = '\0';
    db->statement_count = 0;
}

/* ---- connecting ---- */

static void
db_retry_later(struct db *db)
{
    uint32_t random;
    int64_t half = db->backoff_ms / 2;
    int64_t most = db->failures < DB_BACKOFF_SOON_COUNT ? DB_BACKOFF_SOON_MS : DB_BACKOFF_MAX_MS;

    crypto_random(&random, sizeof(random));
    db->state = DB_STATE_WAITING;
    loop_timer_start(db->timer, half + (int64_t) (random % (uint32_t) (half + 1)), 0);
    db->backoff_ms = db->backoff_ms * 2 < most ? db->backoff_ms * 2 : most;
}

static void
db_attempt_failed(struct db *db, const char *message)
{
    char reason[DB_REASON_MAX];

    db_reason(reason, message);
    if (db->events.failed == NULL)
    {
        log_event(db->failures == 0 ? LOG_WARN : LOG_DEBUG, "database connection failed", "reason",
                  reason, NULL);
    }
    db->failures++;
    db_drop_connection(db);
    db_retry_later(db);
    if (db->events.failed != NULL)
    {
        db_enter(db);
        db->events.failed(db->user, reason);
        db_leave(db);
    }
}

/* A host that neither answers nor refuses would be tried first for ever: start behind it. */
static void
db_on_timer(void *user)
{
    struct db *db = user;

    if (db->state == DB_STATE_CONNECTING)
    {
        db->host_first += db->host_steps + 1;
        db_attempt_failed(db, "timeout while connecting");
        return;
    }
    db_connect(db);
}

/* A comma-separated list, rotated so that it starts with element `first` modulo its length. */
static char *
db_rotate(const char *list, size_t first)
{
    size_t count = 1;
    const char *at = list;
    char *ret;

    if (list == NULL)
    {
        return NULL;
    }
    for (const char *p = list; *p != '\0'; p++)
    {
        count += *p == ',' ? 1 : 0;
    }
    for (size_t i = 0; i < first % count; i++)
    {
        at = strchr(at, ',') + 1;
    }
    if (at == list)
    {
        return mem_strdup(list);
    }
    ret = mem_alloc(strlen(list) + 2);
    snprintf(ret, strlen(list) + 2, "%s,%.*s", at, (int) (at - list - 1), list);
    return ret;
}

/* A setting of the conninfo, else of the environment; borrowed from options. */
static const char *
db_setting(const PQconninfoOption *options, const char *keyword, const char *variable)
{
    for (const PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++)
    {
        if (strcmp(o->keyword, keyword) == 0 && o->val != NULL)
        {
            return o->val;
        }
    }
    return getenv(variable);
}

/* What stands before dbname are defaults, the conninfo overrides them; what stands behind rules. */
static PGconn *
db_connect_start(struct db *db)
{
    PQconninfoOption *options = PQconninfoParse(db->conninfo, NULL);
    char *host = db_rotate(db_setting(options, "host", "PGHOST"), db->host_first);
    char *hostaddr = db_rotate(db_setting(options, "hostaddr", "PGHOSTADDR"), db->host_first);
    char *port = db_rotate(db_setting(options, "port", "PGPORT"), db->host_first);
    const char *keys[16] = { "keepalives_idle",  "keepalives_interval",
                             "keepalives_count", "tcp_user_timeout",
                             "dbname",           "fallback_application_name",
                             "client_encoding" };
    const char *values[16] = { "5", "3", "3", "10000", db->conninfo, db->application_name, "UTF8" };
    const char *const host_keys[] = { "host", "hostaddr", "port" };
    char *const host_values[] = { host, hostaddr, port };
    size_t count = 7;
    PGconn *conn;

    for (size_t i = 0; i < 3; i++)
    {
        if (host_values[i] != NULL)
        {
            keys[count] = host_keys[i];
            values[count++] = host_values[i];
        }
    }
    conn = PQconnectStartParams(keys, values, 1);
    PQconninfoFree(options);
    free(host);
    free(hostaddr);
    free(port);
    if (conn == NULL)
    {
        mem_exhausted();
    }
    return conn;
}

bool
db_conninfo_check(const char *conninfo, struct arena *arena, bool *ret_password,
                  const char **reterr)
{
    char *message = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &message);

    if (options == NULL)
    {
        *reterr = "it is no connection string";
        if (message != NULL && strchr(message, '"') == NULL)
        {
            *reterr = arena_strndup(arena, message, strcspn(message, "\n"));
        }
        PQfreemem(message);
        return false;
    }
    *ret_password = false;
    for (const PQconninfoOption *o = options; o->keyword != NULL; o++)
    {
        bool secret = strcmp(o->keyword, "password") == 0 || strcmp(o->keyword, "sslpassword") == 0;

        *ret_password = *ret_password || (secret && o->val != NULL && o->val[0] != '\0');
    }
    PQconninfoFree(options);
    return true;
}

static int64_t
db_connect_timeout_ms(const struct db *db)
{
    PQconninfoOption *options = PQconninfoParse(db->conninfo, NULL);
    const char *text = db_setting(options, "connect_timeout", "PGCONNECT_TIMEOUT");
    long seconds = text != NULL ? strtol(text, NULL, 10) : 0;

    PQconninfoFree(options);
    return (seconds > 0 && seconds < 3600 ? seconds : DB_CONNECT_TIMEOUT_S) * 1000;
}

/* Each host of a list has the full time. */
static void
db_note_host(struct db *db)
{
    const char *host = PQhost(db->conn);
    char now[sizeof(db->host_name)];

    snprintf(now, sizeof(now), "%.100s:%.20s", host != NULL ? host : "", PQport(db->conn));
    if (strcmp(now, db->host_name) == 0)
    {
        return;
    }
    db->host_steps += db->host_name[0] != '\0' ? 1 : 0;
    snprintf(db->host_name, sizeof(db->host_name), "%s", now);
    loop_timer_start(db->timer, db_connect_timeout_ms(db), 0);
}

static void
db_on_notice(void *user, const char *message)
{
    struct db *db = user;
    char line[DB_REASON_MAX];

    db_reason(line, message);
    if (strncmp(line, "FATAL", 5) == 0)
    {
        memcpy(db->farewell, line, sizeof(line));
    }
    log_event(LOG_DEBUG, "database notice", "notice", line, NULL);
}

static void
db_established(struct db *db)
{
    loop_timer_stop(db->timer);
    if (PQsetnonblocking(db->conn, 1) != 0 || PQenterPipelineMode(db->conn) != 1)
    {
        db_attempt_failed(db, PQerrorMessage(db->conn));
        return;
    }
    if (db->failures > 0 && db->events.failed == NULL)
    {
        log_event(LOG_INFO, "database connection established", "server", db->host_name, NULL);
    }
    db->state = DB_STATE_READY;
    db->backoff_ms = DB_BACKOFF_FIRST_MS;
    db->failures = 0;
    db->watch = loop_watch_create(db->loop, PQsocket(db->conn), LOOP_READ, db_on_ready, db);
    db_enter(db);
    if (db->events.connected != NULL)
    {
        db->events.connected(db->user);
    }
    db_leave(db);
}

static void
db_on_connecting(void *user, int ready)
{
    struct db *db = user;
    PostgresPollingStatusType status;
    int events;

    (void) ready;
    /* libpq may close the socket and open another one under the same number. */
    loop_watch_destroy(db->watch);
    db->watch = NULL;
    status = PQconnectPoll(db->conn);
    if (status == PGRES_POLLING_OK)
    {
        db_note_host(db);
        db_established(db);
        return;
    }
    if (status == PGRES_POLLING_FAILED)
    {
        db_attempt_failed(db, PQerrorMessage(db->conn));
        return;
    }
    db_note_host(db);
    events = status == PGRES_POLLING_READING ? LOOP_READ : LOOP_WRITE;
    db->watch = loop_watch_create(db->loop, PQsocket(db->conn), events, db_on_connecting, db);
}

static void
db_connect(void *user)
{
    struct db *db = user;

    db->conn = db_connect_start(db);
    db->state = DB_STATE_CONNECTING;
    db->host_steps = 0;
    db->host_name[0] = '\0';
    if (PQstatus(db->conn) == CONNECTION_BAD)
    {
        db_attempt_failed(db, PQerrorMessage(db->conn));
        return;
    }
    PQsetNoticeProcessor(db->conn, db_on_notice, db);
    db_note_host(db);
    db->watch = loop_watch_create(db->loop, PQsocket(db->conn), LOOP_WRITE, db_on_connecting, db);
}

/* ---- sending ---- */

/* The session's name of a statement; *ret_new when it must be prepared first. */
static const char *
db_statement_name(struct db *db, const char *sql, bool *ret_new)
{
    struct db_statement *statement;

    *ret_new = false;
    for (size_t i = 0; i < db->statement_count; i++)
    {
        statement = &db->statements[i];
        if (statement->sql == sql || strcmp(statement->sql, sql) == 0)
        {
            return statement->name;
        }
    }
    db->statements =
        mem_resize(db->statements, (db->statement_count + 1) * sizeof(*db->statements));
    statement = &db->statements[db->statement_count++];
    statement->sql = sql;
    snprintf(statement->name, sizeof(statement->name), "herald_%u", db->statement_next++);
    *ret_new = true;
    return statement->name;
}

/* Prepare again under another name: the preparation failed, or the statement went stale. */
static void
db_forget_statement(struct db *db, const char *sql)
{
    for (size_t i = 0; i < db->statement_count; i++)
    {
        if (strcmp(db->statements[i].sql, sql) == 0)
        {
            db->statements[i] = db->statements[--db->statement_count];
            return;
        }
    }
}

static bool
db_send_pipelined(struct db *db, struct db_query_item *item)
{
    const char *name = db_statement_name(db, item->sql, &item->prepares);
    const char *const *params = (const char *const *) item->params;

    bool sent = (!item->prepares ||
                 PQsendPrepare(db->conn, name, item->sql, item->param_count, NULL) == 1) &&
                PQsendQueryPrepared(db->conn, name, item->param_count, params, NULL, NULL, 0) == 1;

    FAILPOINT_AFTER("K8", item->sql, PQflush(db->conn));
    return sent && PQpipelineSync(db->conn) == 1;
}

static bool
db_send_alone(struct db *db, struct db_query_item *item)
{
    const char *const *params = (const char *const *) item->params;

    db->alone = true;
    return PQexitPipelineMode(db->conn) == 1 &&
           PQsendQueryParams(db->conn, item->sql, item->param_count, NULL, params, NULL, NULL, 0) ==
               1;
}

/* Write what is buffered, and watch for room when not all of it went. */
static bool
db_flush(struct db *db)
{
    int rc = PQflush(db->conn);

    if (rc < 0)
    {
        return false;
    }
    loop_watch_set(db->watch, rc > 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
    return true;
}

/* Send what may be sent; false when the session broke. */
static bool
db_send_queued(struct db *db)
{
    while (db->queued.first != NULL && !db->alone)
    {
        struct db_query_item *item = db->queued.first;
        bool ok;

        if (!item->pipelined && db->sent.first != NULL)
        {
            break;
        }
        db_list_take(&db->queued);
        db_list_add(&db->sent, item);
        ok = item->pipelined ? db_send_pipelined(db, item) : db_send_alone(db, item);
        if (!ok)
        {
            return false;
        }
    }
    return db_flush(db);
}

/* ---- receiving ---- */

static void
db_keep_result(struct db_query_item *item, PGresult *result)
{
    if (item->result != NULL && PQresultStatus(item->result) == PGRES_FATAL_ERROR)
    {
        PQclear(result);
        return;
    }
    PQclear(item->result);
    item->result = result;
}

/* The oldest query under way is complete. */
static void
db_complete(struct db *db)
{
    struct db_query_item *item = db_list_take(&db->sent);
    bool failed = item->result == NULL || PQresultStatus(item->result) == PGRES_FATAL_ERROR ||
                  PQresultStatus(item->result) == PGRES_PIPELINE_ABORTED;
    const char *sqlstate =
        failed && item->result != NULL ? PQresultErrorField(item->result, PG_DIAG_SQLSTATE) : NULL;

    if (sqlstate != NULL && db->events.refused != NULL)
    {
        db->events.refused(db->user, sqlstate);
    }
    if (failed && item->pipelined)
    {
        /* 26000: somebody deallocated it; 0A000: the result's columns changed. */
        if (item->prepares || sqlstate == NULL || strcmp(sqlstate, "26000") == 0 ||
            strcmp(sqlstate, "0A000") == 0)
        {
            db_forget_statement(db, item->sql);
        }
    }
    db_call_back(db, item, failed ? DB_ERROR : DB_OK, NULL);
}

/*
 * Take one result if there is one. A query is complete at its sync point, because its transaction
 * ends there; one that runs alone when libpq has nothing more. False: nothing to take.
 */
static bool
db_take_result(struct db *db)
{
    struct db_query_item *item = db->sent.first;
    PGresult *result;

    if (item == NULL || PQisBusy(db->conn) != 0)
    {
        return false;
    }
    result = PQgetResult(db->conn);
    if (PQstatus(db->conn) == CONNECTION_BAD)
    {
        PQclear(result);
        return false;
    }
    if (result == NULL)
    {
        if (db->alone)
        {
            db->alone = false;
            PQenterPipelineMode(db->conn);
            db_complete(db);
        }
        return true;
    }
    if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
    {
        PQclear(result);
        db_complete(db);
        return true;
    }
    db_keep_result(item, result);
    return true;
}

static void
db_take_notifications(struct db *db)
{
    PGnotify *notify;

    while (db->state == DB_STATE_READY && (notify = PQnotifies(db->conn)) != NULL)
    {
        if (db->events.notified != NULL)
        {
            db->events.notified(db->user, notify->relname, notify->extra);
        }
        PQfreemem(notify);
    }
}

/* Everything that has arrived; false when the session broke. Callbacks may close or destroy. */
static bool
db_receive(struct db *db)
{
    bool ok = PQconsumeInput(db->conn) == 1;

    while (db->state == DB_STATE_READY && db_take_result(db))
    {
    }
    db_take_notifications(db);
    if (db->state != DB_STATE_READY)
    {
        return true;
    }
    return ok && !db->broken && PQstatus(db->conn) == CONNECTION_OK && db_send_queued(db);
}

static void
db_on_ready(void *user, int events)
{
    struct db *db = user;
    bool ok;

    (void) events;
    db_enter(db);
    ok = db_receive(db);
    if (!ok && db->state == DB_STATE_READY)
    {
        db_session_lost(db, PQerrorMessage(db->conn));
    }
    db_leave(db);
}

/* ---- losing and closing ---- */

/* Called between db_enter() and db_leave(). */
static void
db_session_lost(struct db *db, const char *message)
{
    char reason[DB_REASON_MAX];

    db_reason(reason, db->farewell[0] != '\0' ? db->farewell : message);
    db_drop_connection(db);
    db_retry_later(db);
    db_lose_list(db, &db->sent, reason);
    db_lose_list(db, &db->queued, reason);
    if (!db->destroyed && db->events.lost != NULL)
    {
        db->events.lost(db->user, reason);
    }
}

void
db_drop(struct db *db, const char *reason)
{
    if (db->state == DB_STATE_READY)
    {
        db_enter(db);
        db_session_lost(db, reason);
        db_leave(db);
    }
}

static void
db_on_deferred(void *user)
{
    struct db *db = user;
    struct db_list list;

    db_enter(db);
    if (db->broken && db->state == DB_STATE_READY)
    {
        db_session_lost(db, PQerrorMessage(db->conn));
    }
    /* Only what is there now: a callback that asks again waits for the next iteration. */
    list = db->refused;
    db_list_init(&db->refused);
    db_lose_list(db, &list, "there is no session");
    db_leave(db);
}

void
db_close(struct db *db)
{
    if (db->state == DB_STATE_CLOSED)
    {
        return;
    }
    db->state = DB_STATE_CLOSED;
    loop_timer_stop(db->timer);
    db_drop_connection(db);
    db_enter(db);
    db_lose_list(db, &db->sent, "the session was closed");
    db_lose_list(db, &db->queued, "the session was closed");
    db_leave(db);
}

void
db_destroy(struct db *db)
{
    if (db == NULL || db->destroyed)
    {
        return;
    }
    db->destroyed = true;
    db->state = DB_STATE_CLOSED;
    loop_timer_stop(db->timer);
    loop_timer_stop(db->deferred);
    db_drop_connection(db);
    if (db->depth == 0)
    {
        db_release(db);
    }
}

struct db *
db_create(struct loop *loop, const char *conninfo, const char *application_name,
          const struct db_events *events, void *user)
{
    struct db *db = mem_alloc(sizeof(*db));

    db->loop = loop;
    db->conninfo = mem_strdup(conninfo);
    db->application_name = mem_strdup(application_name);
    db->events = *events;
    db->user = user;
    db->state = DB_STATE_WAITING;
    db->backoff_ms = DB_BACKOFF_FIRST_MS;
    db_list_init(&db->queued);
    db_list_init(&db->sent);
    db_list_init(&db->refused);
    db->timer = loop_timer_create(loop, db_on_timer, db);
    db->deferred = loop_timer_create(loop, db_on_deferred, db);
    loop_timer_start(db->timer, 0, 0);
    return db;
}

bool
db_is_connected(const struct db *db)
{
    return db->state == DB_STATE_READY;
}

/* One allocation for the array and the texts. */
static char **
db_copy_params(int count, const char *const *params)
{
    size_t size = (size_t) count * sizeof(char *);
    char **ret;
    char *at;

    for (int i = 0; i < count; i++)
    {
        size += params[i] != NULL ? strlen(params[i]) + 1 : 0;
    }
    ret = mem_alloc(size);
    at = (char *) (ret + count);
    for (int i = 0; i < count; i++)
    {
        size_t len = params[i] != NULL ? strlen(params[i]) + 1 : 0;

        if (params[i] != NULL)
        {
            ret[i] = memcpy(at, params[i], len);
        }
        at += len;
    }
    return ret;
}

void
db_query(struct db *db, bool pipelined, const char *sql, int param_count, const char *const *params,
         db_query_fn done, void *user)
{
    struct db_query_item *item = mem_alloc(sizeof(*item));

    item->sql = sql;
    item->params = db_copy_params(param_count, params);
    item->param_count = param_count;
    item->pipelined = pipelined;
    item->done = done;
    item->user = user;
    if (db->state != DB_STATE_READY)
    {
        db_list_add(&db->refused, item);
        loop_timer_start(db->deferred, 0, 0);
        return;
    }
    db_list_add(&db->queued, item);
    if (!db_send_queued(db))
    {
        /*
         * The session ends when the loop comes back: done is not called from here. libpq may have
         * closed the socket, so it must not be watched until then.
         */
        db->broken = true;
        loop_watch_set(db->watch, 0);
        loop_timer_start(db->deferred, 0, 0);
    }
}

size_t
db_pending(const struct db *db)
{
    return db->queued.count + db->sent.count + db->refused.count;
}

/* ---- results ---- */

int
db_result_rows(const struct db_result *result)
{
    return result->pg != NULL ? PQntuples(result->pg) : 0;
}

const char *
db_result_value(const struct db_result *result, int row, int column)
{
    return result->pg == NULL || PQgetisnull(result->pg, row, column) != 0
               ? NULL
               : PQgetvalue(result->pg, row, column);
}

size_t
db_result_length(const struct db_result *result, int row, int column)
{
    return result->pg != NULL ? (size_t) PQgetlength(result->pg, row, column) : 0;
}

/* "" when the result has no such field. */
static const char *
db_result_field(const struct db_result *result, int code)
{
    const char *text = result->pg != NULL ? PQresultErrorField(result->pg, code) : NULL;

    return text != NULL ? text : "";
}

const char *
db_result_sqlstate(const struct db_result *result)
{
    return db_result_field(result, PG_DIAG_SQLSTATE);
}

const char *
db_result_message(const struct db_result *result)
{
    return result->reason != NULL ? result->reason
                                  : db_result_field(result, PG_DIAG_MESSAGE_PRIMARY);
}

const char *
db_result_detail(const struct db_result *result)
{
    return db_result_field(result, PG_DIAG_MESSAGE_DETAIL);
}

const char *
db_result_hint(const struct db_result *result)
{
    return db_result_field(result, PG_DIAG_MESSAGE_HINT);
}
