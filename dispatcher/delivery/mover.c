/* Take, transfer, report. */
#include "delivery/mover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/mem.h"

#define NEXT_SQL "select sha256, size from herald.object_store_next()"
#define DONE_SQL "select herald.object_store_done($1, $2, $3)"
#define LOOK_MS 2000
#define HASH_CHARS 64

struct mover
{
    struct session *session;
    struct store *store;
    struct loop_timer *timer;
    char sha256[HASH_CHARS + 1]; /* what is under way */
    char *data;                  /* NULL: it is deleted */
    size_t size;
    bool busy;
    bool failing; /* told that it does not work */
    bool stopped;
};

/* Be free for the next; at once, if this one went well. */
static void
rest(struct mover *mover, bool ok)
{
    free(mover->data);
    mover->data = NULL;
    mover->busy = false;
    if (ok && !mover->stopped)
    {
        loop_timer_start(mover->timer, 0, LOOK_MS);
    }
}

static void
on_reported(void *user, enum db_status status, const struct db_result *result)
{
    struct mover *mover = user;

    if (status == DB_ERROR)
    {
        log_event(LOG_WARN, "a move of content cannot be reported", "sqlstate",
                  db_result_sqlstate(result), "reason", db_result_message(result), NULL);
    }
    rest(mover, status == DB_OK && !mover->failing);
}

/* Without a session somebody repeats it when its time is up. */
static void
report(struct mover *mover, bool ok)
{
    struct db *db = session_db(mover->session, SESSION_TICK);
    const char *params[3] = { mover->sha256, mover->data == NULL ? "true" : "false",
                              ok ? "true" : "false" };

    if (db == NULL)
    {
        rest(mover, false);
        return;
    }
    db_query(db, true, DONE_SQL, 3, params, on_reported, mover);
}

static void
on_transferred(void *user, enum content_result result, const char *reason)
{
    struct mover *mover = user;
    bool ok = result == CONTENT_OK;

    if (!ok && !mover->failing)
    {
        log_event(LOG_WARN, "content cannot be moved to the object store, or deleted there",
                  "sha256", mover->sha256, "reason", reason, NULL);
    }
    if (ok && mover->failing)
    {
        log_event(LOG_INFO, "content is moved to the object store again", NULL);
    }
    mover->failing = !ok;
    report(mover, ok);
}

/* What has another hash than its key would never be read again. */
static void
on_read(void *user, enum content_result result, const char *reason)
{
    struct mover *mover = user;

    if (result == CONTENT_LOST)
    {
        rest(mover, false);
    }
    else if (result == CONTENT_ABSENT)
    {
        report(mover, false);
    }
    else if (result == CONTENT_FAILED)
    {
        on_transferred(mover, result, reason);
    }
    else if (!content_is(mover->data, mover->size, mover->sha256))
    {
        on_transferred(mover, CONTENT_DAMAGED, "it is not what was stored in the database");
    }
    else
    {
        store_put(mover->store, mover->sha256, mover->data, mover->size, on_transferred, mover);
    }
}

static void
on_next(void *user, enum db_status status, const struct db_result *result)
{
    struct mover *mover = user;
    const char *size;

    if (status == DB_ERROR)
    {
        log_event(LOG_WARN, "content to move cannot be taken", "sqlstate",
                  db_result_sqlstate(result), "reason", db_result_message(result), NULL);
    }
    if (status != DB_OK || db_result_rows(result) == 0)
    {
        rest(mover, false);
        return;
    }
    snprintf(mover->sha256, sizeof(mover->sha256), "%s", db_result_value(result, 0, 0));
    size = db_result_value(result, 0, 1);
    if (size == NULL)
    {
        store_delete(mover->store, mover->sha256, on_transferred, mover);
        return;
    }
    mover->size = strtoull(size, NULL, 10);
    mover->data = mem_alloc(mover->size);
    content_read(mover->session, SESSION_TICK, mover->sha256, mover->data, mover->size, on_read,
                 mover);
}

static void
on_timer(void *user)
{
    struct mover *mover = user;
    struct db *db = session_db(mover->session, SESSION_TICK);

    if (!mover->busy && db != NULL && session_is_armed(mover->session) &&
        store_is_usable(mover->store))
    {
        mover->busy = true;
        db_query(db, true, NEXT_SQL, 0, NULL, on_next, mover);
    }
}

struct mover *
mover_create(struct loop *loop, struct session *session, struct store *store)
{
    struct mover *mover = mem_alloc(sizeof(*mover));

    mover->session = session;
    mover->store = store;
    mover->timer = loop_timer_create(loop, on_timer, mover);
    loop_timer_start(mover->timer, LOOK_MS, LOOK_MS);
    return mover;
}

void
mover_destroy(struct mover *mover)
{
    loop_timer_destroy(mover->timer);
    free(mover->data);
    free(mover);
}

void
mover_stop(struct mover *mover)
{
    mover->stopped = true;
    loop_timer_stop(mover->timer);
}
