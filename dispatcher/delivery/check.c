/* What herald-dispatcher --check-config does. */
#include "delivery/check.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/arena.h"
#include "core/db.h"
#include "core/loop.h"
#include "delivery/account.h"

#define TIMEOUT_MS 15000
/* Attempts to connect: the second one begins with another host of a list. */
#define ATTEMPTS 2

struct check
{
    struct loop *loop;
    struct db *db;
    int attempts; /* that failed */
    bool failed;
};

static void
fail(struct check *check, const char *what, const char *why)
{
    printf("failed: %s%s%s\n", what, why != NULL ? ": " : "", why != NULL ? why : "");
    check->failed = true;
}

static void
check_account(struct check *check, const struct account_row *row)
{
    struct arena *arena = arena_create();
    const char *reason = NULL;
    struct account *account = account_build(provider_find(row->kind), row, arena, &reason);

    if (account == NULL)
    {
        fail(check, arena_printf(arena, "account %s (%s)", row->name, row->kind), reason);
    }
    else
    {
        printf("ok: account %s (%s, %s), rank %s, concurrency %s\n", row->name, row->kind,
               row->channel, row->rank, row->concurrency);
    }
    account_release(account);
    arena_destroy(arena);
}

static void
on_armed(void *user, enum db_status status, const struct db_result *result)
{
    const char *armed = status == DB_OK ? db_result_value(result, 0, 0) : NULL;

    if (armed == NULL || armed[0] != 't')
    {
        fail(user, "this database is not armed",
             status == DB_OK ? "to deliver from it, run in it: select herald.arm()"
                             : db_result_message(result));
    }
}

static void
on_accounts(void *user, enum db_status status, const struct db_result *result)
{
    struct check *check = user;

    if (status != DB_OK)
    {
        fail(check, "accounts cannot be read", db_result_message(result));
    }
    for (int row = 0; status == DB_OK && row < db_result_rows(result); row++)
    {
        struct account_row columns = account_row_of(result, row);

        check_account(check, &columns);
    }
    if (status == DB_OK && db_result_rows(result) == 0)
    {
        printf("note: there are no accounts, see herald.notify_provider()\n");
    }
    loop_stop(check->loop);
}

static void
on_version(void *user, enum db_status status, const struct db_result *result)
{
    struct check *check = user;
    const char *version =
        status == DB_OK && db_result_rows(result) == 1 ? db_result_value(result, 0, 0) : NULL;

    if (status != DB_OK)
    {
        fail(check, "the database cannot be asked", db_result_message(result));
    }
    else if (version == NULL)
    {
        fail(check, "this database has no extension pg_herald", NULL);
    }
    else if (strncmp(version, HERALD_VERSION, strcspn(HERALD_VERSION, ".") + 1) != 0)
    {
        fail(check, "the extension's major version differs from " HERALD_VERSION, version);
    }
    if (check->failed)
    {
        loop_stop(check->loop);
        return;
    }
    printf("ok: pg_herald %s, dispatcher " HERALD_VERSION "\n", version);
    db_query(check->db, false, "select herald.is_armed()", 0, NULL, on_armed, check);
    db_query(check->db, false, ACCOUNT_LIST_SQL, 0, NULL, on_accounts, check);
}

static void
on_connected(void *user)
{
    struct check *check = user;

    db_query(check->db, false,
             "select extversion from pg_catalog.pg_extension where extname = 'pg_herald'", 0, NULL,
             on_version, check);
}

static void
on_failed(void *user, const char *reason)
{
    struct check *check = user;

    if (++check->attempts == ATTEMPTS)
    {
        fail(check, "no database connection", reason);
        loop_stop(check->loop);
    }
}

static void
on_timeout(void *user)
{
    struct check *check = user;

    fail(check, "no database connection", NULL);
    loop_stop(check->loop);
}

int
check_run(const char *conninfo)
{
    static const struct db_events events = { .connected = on_connected, .failed = on_failed };
    struct check check = { .loop = loop_create() };
    struct loop_timer *timeout = loop_timer_create(check.loop, on_timeout, &check);

    loop_timer_start(timeout, TIMEOUT_MS, 0);
    check.db = db_create(check.loop, conninfo, "herald-dispatcher check", &events, &check);
    loop_run(check.loop);
    db_destroy(check.db);
    loop_timer_destroy(timeout);
    loop_destroy(check.loop);
    return check.failed ? 1 : 0;
}
