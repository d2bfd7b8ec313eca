/* Connecting, joining the epoch, heartbeat and maintenance. */
#include "delivery/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/failpoint.h"
#include "core/log.h"
#include "core/mem.h"

/*
 * Claims are ours for certain for this long after a sign of life of the database. An observer takes
 * them back at the earliest 1.7 s after our sessions ended, and the server ends the session of a
 * silent client only after much longer.
 */
#define OWNERSHIP_MS 5000
#define HEARTBEAT_MS 1000
/* How often to look for dispatchers that are gone. */
#define WATCH_MS 250
#define SETUP_RETRY_MS 2000
#define TELL_AGAIN_MS 10000
/* Heartbeats without an answer after which a server that says nothing is given up. */
#define SILENT_BEATS 10

#define NEEDS_SESSIONS                                                                             \
    "a dispatcher needs database sessions of its own; connect to PostgreSQL directly, not through" \
    " a pool in transaction mode"

/*
 * Whatever the role or the database sets: a statement that is cancelled would be repeated for ever,
 * one that waits for a lock holds up the others, and a claim that a crash takes back would be sent
 * twice. Only settings that this version of PostgreSQL has.
 */
#define SET_UP_SQL                                                                                 \
    "select pg_catalog.set_config(s.name, g.value, false)"                                         \
    " from (values ('lock_timeout', '2s'), ('statement_timeout', '0'),"                            \
    " ('idle_in_transaction_session_timeout', '0'), ('idle_session_timeout', '0'),"                \
    " ('transaction_timeout', '0'), ('client_connection_check_interval', '2s'),"                   \
    " ('default_transaction_isolation', 'read committed'), ('synchronous_commit',"                 \
    " coalesce(nullif(pg_catalog.current_setting('synchronous_commit'), 'off'), 'on')))"           \
    " as g (name, value) join pg_catalog.pg_settings s on s.name = g.name"

enum link_state
{
    LINK_DOWN,
    LINK_CHECKING, /* connected, first queries under way */
    LINK_CHECKED,  /* waits for an epoch */
    LINK_JOINING,
    LINK_JOINED
};

struct link
{
    struct session *session;
    enum session_link role;
    enum link_state state;
    struct db *db;
    char backend[16]; /* process id on the server */
    char *extension;  /* version installed */
    int silent_beats; /* heartbeats during which it waited for an answer */
};

struct session
{
    struct loop *loop;
    char *name;
    struct session_events events;
    void *user;
    struct link links[SESSION_LINK_COUNT];
    struct loop_timer *heartbeat;
    struct loop_timer *watch;
    struct loop_timer *retry;
    int64_t epoch;
    bool starting;
    bool down; /* told that sessions are missing */
    char *why; /* the reason that was told */
    int64_t told_ms;
    bool was_ready; /* ready() was called in this process */
    bool in_doubt;  /* confirmed() is due */
    bool probing;
    bool arming_known;
    bool armed; /* when known */
    bool suspects;
    bool ticking;
    bool watching;
    int64_t asked_ms; /* when the probe under way was sent */
    int64_t alive_ms; /* when a query was sent that proved the epoch alive */
    int64_t losses;
};

static const char *const role_names[SESSION_LINK_COUNT] = { "control", "claim", "record", "tick" };

/* Goes on while the machine sleeps, so that a pause is seen. */
static int64_t
boot_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void start_epoch(struct session *session);
static void probe(struct session *session);

/* The database does not do: final at start-up, an error to wait for later. */
static void
refuse(struct session *session, const char *message)
{
    if (!session->was_ready)
    {
        session->events.refused(session->user, message);
        return;
    }
    log_event(LOG_ERROR, "database refuses the dispatcher", "reason", message, NULL);
    loop_timer_start(session->retry, SETUP_RETRY_MS, 0);
}

/* A set-up query failed: give up on what will not mend itself, else try again. */
static void
setup_failed(struct link *link, const struct db_result *result)
{
    static const char *const permanent[] = { "0A", "28", "3D", "3F", "42" };
    const char *sqlstate = db_result_sqlstate(result);
    char message[512];

    snprintf(message, sizeof(message), "%s (SQLSTATE %s)%s", db_result_message(result), sqlstate,
             strcmp(sqlstate, "42501") == 0
                 ? "; the dispatcher's login needs the role herald_dispatcher"
                 : "");
    link->state = LINK_CHECKED;
    link->session->starting = false;
    for (size_t i = 0; i < sizeof(permanent) / sizeof(permanent[0]); i++)
    {
        if (strncmp(sqlstate, permanent[i], 2) == 0)
        {
            refuse(link->session, message);
            return;
        }
    }
    log_event(LOG_WARN, "session set-up failed", "session", role_names[link->role], "reason",
              message, NULL);
    loop_timer_start(link->session->retry, SETUP_RETRY_MS, 0);
}

bool
session_is_ready(const struct session *session)
{
    return session->epoch != 0 && session->links[SESSION_CLAIM].state == LINK_JOINED &&
           session->links[SESSION_RECORD].state == LINK_JOINED;
}

static void
prove_alive(struct session *session, int64_t sent_ms)
{
    if (sent_ms > session->alive_ms)
    {
        session->alive_ms = sent_ms;
    }
    if (session->in_doubt && session_owns_claims(session))
    {
        session->in_doubt = false;
        session->events.confirmed(session->user);
    }
}

/* All claims are void: forget the epoch and start another. */
static void
epoch_is_gone(struct session *session)
{
    log_event(LOG_WARN, "epoch is gone, its claims were given to others", "name", session->name,
              NULL);
    session->epoch = 0;
    session->starting = false;
    for (int i = 0; i < SESSION_LINK_COUNT; i++)
    {
        if (session->links[i].state > LINK_CHECKED)
        {
            session->links[i].state = LINK_CHECKED;
        }
    }
    session->events.epoch_gone(session->user);
    start_epoch(session);
}

static void
became_ready(struct session *session)
{
    if (!session_is_ready(session))
    {
        return;
    }
    session->was_ready = true;
    session->events.ready(session->user);
}

static void
on_set_up(void *user, enum db_status status, const struct db_result *result)
{
    struct link *link = user;

    if (status == DB_ERROR)
    {
        setup_failed(link, result);
    }
}

/* Only now the doorbell is heard; what it rang before is looked for. */
static void
on_listening(void *user, enum db_status status, const struct db_result *result)
{
    struct link *link = user;

    on_set_up(link, status, result);
    if (status == DB_OK && link->state == LINK_JOINED)
    {
        became_ready(link->session);
    }
}

static void
on_lock_check(void *user, enum db_status status, const struct db_result *result)
{
    struct link *link = user;
    const char *held;

    if (status != DB_OK || db_result_rows(result) != 1)
    {
        return;
    }
    held = db_result_value(result, 0, 0);
    if (held == NULL || held[0] != 't')
    {
        refuse(link->session, "the session's advisory lock is gone: " NEEDS_SESSIONS);
    }
}

static void
on_ticked(void *user, enum db_status status, const struct db_result *result)
{
    struct session *session = user;

    FAILPOINT("K13", NULL);
    session->ticking = false;
    if (status == DB_ERROR)
    {
        log_event(LOG_WARN, "maintenance failed", "sqlstate", db_result_sqlstate(result), "reason",
                  db_result_message(result), NULL);
    }
    if (status != DB_LOST)
    {
        session->events.ticked(session->user);
    }
}

static void
tick(struct session *session)
{
    struct db *db = session_db(session, SESSION_TICK);

    if (db != NULL && !session->ticking)
    {
        session->ticking = true;
        db_query(db, false, "call herald.tick()", 0, NULL, on_ticked, session);
        FAILPOINT("K12", NULL);
    }
}

static void
tell_up(struct session *session)
{
    for (int i = 0; i < SESSION_LINK_COUNT; i++)
    {
        if (session->links[i].state != LINK_JOINED)
        {
            return;
        }
    }
    if (session->down)
    {
        log_event(LOG_INFO, "the database sessions are back", NULL);
        session->down = false;
    }
}

/* The link holds its lock: the control session starts to listen, the others can be used. */
static void
link_is_joined(struct link *link)
{
    struct session *session = link->session;

    link->state = LINK_JOINED;
    tell_up(session);
    if (link->role == SESSION_CONTROL)
    {
        char epoch[24];
        const char *params[1] = { epoch };

        snprintf(epoch, sizeof(epoch), "%" PRId64, session->epoch);
        db_query(link->db, false, "listen herald_config", 0, NULL, on_set_up, link);
        db_query(link->db, false, "listen herald_outbox", 0, NULL, on_listening, link);
        db_query(link->db, false,
                 "select exists (select from pg_catalog.pg_locks"
                 " where locktype = 'advisory' and mode = 'ShareLock' and granted"
                 " and pid = pg_catalog.pg_backend_pid() and classid = 1214606916"
                 " and objid = $1::bigint::integer::oid)",
                 1, params, on_lock_check, link);
        probe(session);
        session->events.config_changed(session->user);
    }
    if (link->role == SESSION_TICK)
    {
        tick(session);
    }
    else if (link->role != SESSION_CONTROL)
    {
        became_ready(session);
    }
}

struct join
{
    struct link *link;
    int64_t epoch;
    int64_t sent_ms;
};

static void
on_joined(void *user, enum db_status status, const struct db_result *result)
{
    struct join *join = user;
    struct link *link = join->link;
    const char *joined =
        status == DB_OK && db_result_rows(result) == 1 ? db_result_value(result, 0, 0) : NULL;

    if (link->state != LINK_JOINING || join->epoch != link->session->epoch)
    {
        /* An answer about an epoch or a connection of the past. */
    }
    else if (joined != NULL && joined[0] == 't')
    {
        prove_alive(link->session, join->sent_ms);
        link_is_joined(link);
    }
    else if (status == DB_OK)
    {
        epoch_is_gone(link->session);
    }
    else if (status == DB_ERROR)
    {
        setup_failed(link, result);
    }
    free(join);
}

static void
join(struct link *link)
{
    struct join *join = mem_alloc(sizeof(*join));
    char epoch[24];
    const char *params[1] = { epoch };

    join->link = link;
    join->epoch = link->session->epoch;
    join->sent_ms = boot_ms();
    link->state = LINK_JOINING;
    snprintf(epoch, sizeof(epoch), "%" PRId64, join->epoch);
    db_query(link->db, false, "select herald.dispatcher_join($1)", 1, params, on_joined, join);
}

static void
on_started(void *user, enum db_status status, const struct db_result *result)
{
    struct link *link = user;
    struct session *session = link->session;
    const char *epoch;

    session->starting = false;
    if (status == DB_ERROR)
    {
        setup_failed(link, result);
        return;
    }
    epoch = status == DB_OK && db_result_rows(result) == 1 ? db_result_value(result, 0, 0) : NULL;
    if (epoch == NULL)
    {
        return;
    }
    session->epoch = strtoll(epoch, NULL, 10);
    log_event(LOG_INFO, "epoch started", "name", session->name, "epoch", epoch, NULL);
    prove_alive(session, boot_ms());
    link_is_joined(link);
    for (int i = 0; i < SESSION_LINK_COUNT; i++)
    {
        if (session->links[i].state == LINK_CHECKED)
        {
            join(&session->links[i]);
        }
    }
}

/* The sessions must be three different backends, or something between us shares them. */
static bool
links_are_distinct(const struct session *session)
{
    for (int i = 0; i < SESSION_LINK_COUNT; i++)
    {
        for (int j = i + 1; j < SESSION_LINK_COUNT; j++)
        {
            if (strcmp(session->links[i].backend, session->links[j].backend) == 0)
            {
                return false;
            }
        }
    }
    return true;
}

static void
start_epoch(struct session *session)
{
    struct link *control = &session->links[SESSION_CONTROL];
    const char *params[2] = { session->name, HERALD_VERSION };

    for (int i = 0; i < SESSION_LINK_COUNT; i++)
    {
        if (session->links[i].state < LINK_CHECKED)
        {
            return;
        }
    }
    if (session->starting || session->epoch != 0)
    {
        return;
    }
    if (!links_are_distinct(session))
    {
        refuse(session, "several sessions share one backend: " NEEDS_SESSIONS);
        return;
    }
    session->starting = true;
    db_query(control->db, false, "select herald.dispatcher_start($1, $2)", 2, params, on_started,
             control);
}

/* First look at the server: is it usable, and is it the same backend from one query to the next? */
static void
on_first_look(void *user, enum db_status status, const struct db_result *result)
{
    struct link *link = user;

    if (status == DB_ERROR)
    {
        setup_failed(link, result);
    }
    if (status != DB_OK || link->state != LINK_CHECKING)
    {
        return;
    }
    snprintf(link->backend, sizeof(link->backend), "%s", db_result_value(result, 0, 0));
    free(link->extension);
    link->extension = mem_strdup(db_result_value(result, 0, 1));
}

static bool
same_major(const char *a, const char *b)
{
    size_t len = strcspn(a, ".");

    return len == strcspn(b, ".") && strncmp(a, b, len) == 0;
}

static void
on_second_look(void *user, enum db_status status, const struct db_result *result)
{
    struct link *link = user;
    struct session *session = link->session;

    if (status != DB_OK || link->state != LINK_CHECKING)
    {
        return;
    }
    link->state = LINK_CHECKED;
    if (strcmp(link->backend, db_result_value(result, 0, 0)) != 0)
    {
        refuse(session, "the backend changes between two queries: " NEEDS_SESSIONS);
    }
    else if (link->extension == NULL)
    {
        refuse(session, "this database has no extension pg_herald: run CREATE EXTENSION pg_herald "
                        "in it, or connect to the right one");
    }
    else if (!same_major(link->extension, HERALD_VERSION))
    {
        char message[160];

        snprintf(message, sizeof(message),
                 "the database has pg_herald %.32s, this dispatcher is %s: use the same major "
                 "version",
                 link->extension, HERALD_VERSION);
        refuse(session, message);
    }
    else
    {
        db_query(link->db, false, SET_UP_SQL, 0, NULL, on_set_up, link);
        if (session->epoch != 0)
        {
            join(link);
        }
        else
        {
            start_epoch(session);
        }
    }
}

static void
check(struct link *link)
{
    link->state = LINK_CHECKING;
    db_query(link->db, false,
             "select pg_catalog.pg_backend_pid(), (select extversion from pg_catalog.pg_extension"
             " where extname = 'pg_herald')",
             0, NULL, on_first_look, link);
    db_query(link->db, false, "select pg_catalog.pg_backend_pid()", 0, NULL, on_second_look, link);
}

static void
on_connected(void *user)
{
    struct link *link = user;

    check(link);
}

/* One line an outage, and another one now and then when the reason changes. */
static void
tell_down(struct session *session, const char *reason)
{
    int64_t now_ms = loop_now_ms(session->loop);

    if (session->down &&
        (now_ms - session->told_ms < TELL_AGAIN_MS || strcmp(session->why, reason) == 0))
    {
        return;
    }
    log_event(LOG_WARN, "no database session", "reason", reason, NULL);
    free(session->why);
    session->why = mem_strdup(reason);
    session->told_ms = now_ms;
    session->down = true;
}

static void
on_lost(void *user, const char *reason)
{
    struct link *link = user;

    if (link->state != LINK_DOWN)
    {
        link->session->losses++;
    }
    link->state = LINK_DOWN;
    if (link->role == SESSION_CONTROL)
    {
        link->session->starting = false;
    }
    tell_down(link->session, reason);
}

static void
on_db_refused(void *user, const char *sqlstate)
{
    struct link *link = user;

    link->session->events.db_error(link->session->user, sqlstate);
}

static void
on_failed(void *user, const char *reason)
{
    struct link *link = user;

    tell_down(link->session, reason);
}

static void
on_notified(void *user, const char *channel, const char *payload)
{
    struct link *link = user;
    struct session *session = link->session;

    (void) payload;
    if (strcmp(channel, "herald_outbox") == 0)
    {
        session->events.doorbell(session->user);
    }
    else if (strcmp(channel, "herald_config") == 0)
    {
        session->events.config_changed(session->user);
    }
}

/* Say so at the change: a copy of the database must not send. */
static void
note_armed(struct session *session, bool armed)
{
    if (session->arming_known && session->armed == armed)
    {
        return;
    }
    if (!armed)
    {
        log_event(LOG_WARN, "standing by: this database is not armed", "hint",
                  "it is new, was disarmed or is a copy; to deliver from it, run in it: select "
                  "herald.arm()",
                  NULL);
    }
    else if (session->arming_known)
    {
        log_event(LOG_INFO, "the database is armed", NULL);
    }
    session->arming_known = true;
    session->armed = armed;
    session->events.armed(session->user);
}

static void
tell_share(struct session *session, const struct db_result *result)
{
    const char *place = db_result_value(result, 0, 3);
    const char *dispatchers = db_result_value(result, 0, 4);

    if (place != NULL && dispatchers != NULL)
    {
        session->events.share(session->user, (int) strtol(place, NULL, 10),
                              (int) strtol(dispatchers, NULL, 10));
    }
}

static void
on_alive(void *user, enum db_status status, const struct db_result *result)
{
    struct session *session = user;
    const char *alive;
    const char *armed;
    const char *suspects;

    session->probing = false;
    if (status != DB_OK || db_result_rows(result) != 1)
    {
        return;
    }
    alive = db_result_value(result, 0, 0);
    armed = db_result_value(result, 0, 1);
    suspects = db_result_value(result, 0, 2);
    session->suspects = suspects != NULL && suspects[0] == 't';
    if (alive != NULL && alive[0] == 't')
    {
        prove_alive(session, session->asked_ms);
        note_armed(session, armed != NULL && armed[0] == 't');
        tell_share(session, result);
    }
    else if (session->links[SESSION_CONTROL].state == LINK_JOINED)
    {
        epoch_is_gone(session);
    }
}

static void
probe(struct session *session)
{
    struct db *db = session_db(session, SESSION_CONTROL);
    char epoch[24];
    const char *params[1] = { epoch };

    if (db == NULL || session->probing)
    {
        return;
    }
    session->probing = true;
    session->asked_ms = boot_ms();
    snprintf(epoch, sizeof(epoch), "%" PRId64, session->epoch);
    db_query(db, true,
             "select herald.dispatcher_alive($1), herald.is_armed(), herald.has_suspects(),"
             " s.place, s.dispatchers from herald.dispatcher_share($1) s",
             1, params, on_alive, session);
    FAILPOINT("K11", NULL);
}

bool
session_owns_claims(struct session *session)
{
    if (session->epoch != 0 && boot_ms() - session->alive_ms < OWNERSHIP_MS)
    {
        return true;
    }
    session->in_doubt = true;
    probe(session);
    return false;
}

/* Set-up queries and the probe are answered at once; work may take its time. */
static bool
is_waiting(const struct link *link)
{
    return link->state == LINK_JOINED ? link->role == SESSION_CONTROL && link->session->probing
                                      : db_is_connected(link->db) && db_pending(link->db) > 0;
}

/*
 * A server, or a way to it, that takes what we send and says nothing: connect anew. What the
 * control session sees holds for all. Beats are counted, not time: a pause of this process is one.
 */
static void
give_up_silent(struct session *session)
{
    bool all = false;

    for (int i = 0; i < SESSION_LINK_COUNT; i++)
    {
        struct link *link = &session->links[i];

        link->silent_beats = is_waiting(link) ? link->silent_beats + 1 : 0;
        if (all || link->silent_beats >= SILENT_BEATS)
        {
            all = all || (link->role == SESSION_CONTROL && link->state == LINK_JOINED);
            link->silent_beats = 0;
            db_drop(link->db, "the server does not answer");
        }
    }
}

static void
on_heartbeat(void *user)
{
    struct session *session = user;

    give_up_silent(session);
    probe(session);
    tick(session);
}

static void
on_watched(void *user, enum db_status status, const struct db_result *result)
{
    struct session *session = user;

    (void) status;
    (void) result;
    session->watching = false;
}

/* Between two rounds of maintenance, so that claims of the dead do not wait for the next one. */
static void
on_watch(void *user)
{
    struct session *session = user;
    struct db *db = session_db(session, SESSION_TICK);

    if (db != NULL && !session->ticking && !session->watching)
    {
        session->watching = true;
        db_query(db, true, "select herald.tick_step('reclaim')", 0, NULL, on_watched, session);
    }
}

/* Links that are up but not joined try again. */
static void
on_retry(void *user)
{
    struct session *session = user;

    for (int i = 0; i < SESSION_LINK_COUNT; i++)
    {
        struct link *link = &session->links[i];

        if (db_is_connected(link->db) && link->state == LINK_CHECKED && !session->starting)
        {
            check(link);
        }
    }
}

struct session *
session_create(struct loop *loop, const char *conninfo, const char *name,
               const struct session_events *events, void *user)
{
    static const struct db_events db_events = { .refused = on_db_refused,
                                                .connected = on_connected,
                                                .failed = on_failed,
                                                .lost = on_lost,
                                                .notified = on_notified };
    struct session *session = mem_alloc(sizeof(*session));

    session->loop = loop;
    session->name = mem_strdup(name);
    session->events = *events;
    session->user = user;
    session->heartbeat = loop_timer_create(loop, on_heartbeat, session);
    session->watch = loop_timer_create(loop, on_watch, session);
    session->retry = loop_timer_create(loop, on_retry, session);
    for (int i = 0; i < SESSION_LINK_COUNT; i++)
    {
        struct link *link = &session->links[i];
        char application[64];

        link->session = session;
        link->role = (enum session_link) i;
        snprintf(application, sizeof(application), "herald-dispatcher %.32s %s", name,
                 role_names[i]);
        link->db = db_create(loop, conninfo, application, &db_events, link);
    }
    loop_timer_start(session->heartbeat, HEARTBEAT_MS, HEARTBEAT_MS);
    loop_timer_start(session->watch, WATCH_MS, WATCH_MS);
    return session;
}

void
session_close(struct session *session)
{
    loop_timer_stop(session->heartbeat);
    loop_timer_stop(session->watch);
    loop_timer_stop(session->retry);
    for (int i = 0; i < SESSION_LINK_COUNT; i++)
    {
        session->links[i].state = LINK_DOWN;
        db_close(session->links[i].db);
    }
}

void
session_destroy(struct session *session)
{
    if (session == NULL)
    {
        return;
    }
    for (int i = 0; i < SESSION_LINK_COUNT; i++)
    {
        db_destroy(session->links[i].db);
        free(session->links[i].extension);
    }
    loop_timer_destroy(session->heartbeat);
    loop_timer_destroy(session->watch);
    loop_timer_destroy(session->retry);
    free(session->why);
    free(session->name);
    free(session);
}

int64_t
session_epoch(const struct session *session)
{
    return session->epoch;
}

struct db *
session_db(const struct session *session, enum session_link link)
{
    return session->links[link].state == LINK_JOINED ? session->links[link].db : NULL;
}

bool
session_has_suspects(const struct session *session)
{
    return session->suspects;
}

bool
session_is_armed(const struct session *session)
{
    return session->armed;
}

int64_t
session_losses(const struct session *session)
{
    return session->losses;
}
