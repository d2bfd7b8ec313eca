/*
 * The dispatcher's database sessions and its epoch.
 *
 * Each session holds a shared advisory lock on the epoch; together they are the dispatcher's lease
 * on everything it claimed. A session that was lost joins the epoch again; an epoch that the
 * database has given up is replaced by a new one, and all claims made under it are forgotten.
 */
#ifndef DELIVERY_SESSION_H
#define DELIVERY_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/db.h"
#include "core/loop.h"

enum session_link
{
    SESSION_CONTROL, /* LISTEN, arm, configuration, heartbeat */
    SESSION_CLAIM,
    SESSION_RECORD,
    SESSION_TICK, /* maintenance, so that it never delays a wake-up */
    SESSION_LINK_COUNT
};

struct session_events
{
    /* Claims can be made: first start, after a reconnect, under a new epoch. */
    void (*ready)(void *user);
    /* The ownership of claims was confirmed after it had been in doubt. */
    void (*confirmed)(void *user);
    /* The epoch is gone: nothing claimed under it may be sent any more. */
    void (*epoch_gone)(void *user);
    /* The doorbell rang. */
    void (*doorbell)(void *user);
    /* Accounts were changed, or the control session is back after a loss. */
    void (*config_changed)(void *user);
    /* The database was armed or disarmed, or it is known for the first time which; no copy sends.
     */
    void (*armed)(void *user);
    /* The server refused a statement. */
    void (*db_error)(void *user, const char *sqlstate);
    /* How many dispatchers run, and which of them this is. */
    void (*share)(void *user, int place, int dispatchers);
    /* A round of maintenance ended. */
    void (*ticked)(void *user);
    /* The database cannot be used at all; message is a sentence for the operator. */
    void (*refused)(void *user, const char *message);
};

struct session;

/* Connect all sessions; name tells this dispatcher in herald.dispatcher and pg_stat_activity. */
struct session *session_create(struct loop *loop, const char *conninfo, const char *name,
                               const struct session_events *events, void *user);
/* End all sessions; queries under way are called back with DB_LOST. */
void session_close(struct session *session);
void session_destroy(struct session *session);

/* The current epoch; 0 when there is none. */
int64_t session_epoch(const struct session *session);

/* A session that has joined the epoch, or NULL while it has not. */
struct db *session_db(const struct session *session, enum session_link link);

/* Can claims be made and recorded now? */
bool session_is_ready(const struct session *session);

/* Did suspects wait at the last heartbeat? */
bool session_has_suspects(const struct session *session);

/* Is this the database that dispatchers deliver from? False until it is known. */
bool session_is_armed(const struct session *session);

/*
 * Are claims made under the current epoch certainly still ours? False after a pause of the process
 * or a silence of the database; then a confirmation is asked for, and confirmed() follows.
 */
bool session_owns_claims(struct session *session);

/* Sessions lost since the start. */
int64_t session_losses(const struct session *session);

#endif
