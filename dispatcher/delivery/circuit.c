/* Looks at all breakers now and then: nothing of this is done for a delivery. */
#include "delivery/circuit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/log.h"
#include "core/mem.h"
#include "delivery/literal.h"

#define LOOK_MS 250
#define NAME_MAX_BYTES 63
#define REASON_MAX 500
#define ARRAY_BYTES_MAX (1024 * 1024)

/* Parameters of herald.provider_report() behind the epoch. */
enum array
{
    ARRAY_PROVIDERS,
    ARRAY_STATES,
    ARRAY_REASONS,
    ARRAY_UNTIL_US,
    ARRAY_FAILURES,
    ARRAY_COUNT
};

struct circuits
{
    struct loop *loop;
    struct session *session;
    struct accounts *accounts;
    struct loop_timer *timer;
    int64_t epoch; /* told under it */
    bool under_way;
};

static struct account_report
look(const struct account *account, int64_t now_ms)
{
    const struct breaker *breaker = &account->breaker;
    struct account_report report = { .state = "closed" };

    if (breaker->reason != BREAKER_NONE)
    {
        report.state = now_ms < breaker->until_ms ? "open" : "probing";
        report.reason = breaker->reason;
        report.until_ms = breaker->until_ms;
    }
    return report;
}

static bool
is_known(const struct accounts *accounts, const char *name)
{
    const struct account *account = accounts->first;

    while (account != NULL && strcmp(account->name, name) != 0)
    {
        account = account->next;
    }
    return account != NULL;
}

/* Note how each account does; has anything changed? */
static bool
note(struct circuits *circuits)
{
    int64_t now_ms = loop_now_ms(circuits->loop);
    bool changed =
        circuits->accounts->changed || circuits->epoch != session_epoch(circuits->session);

    for (struct account *a = circuits->accounts->first; a != NULL; a = a->next)
    {
        struct account_report report = look(a, now_ms);

        changed = changed || a->report.state == NULL ||
                  strcmp(a->report.state, report.state) != 0 || a->report.reason != report.reason ||
                  a->report.until_ms != report.until_ms;
        a->report = report;
    }
    return changed;
}

static void
put(struct buf *arrays, const char *name, const char *state, const char *reason)
{
    literal_text(&arrays[ARRAY_PROVIDERS], name, NAME_MAX_BYTES);
    literal_text(&arrays[ARRAY_STATES], state, NAME_MAX_BYTES);
    literal_text(&arrays[ARRAY_REASONS], reason, REASON_MAX);
}

static void
put_account(const struct circuits *circuits, struct buf *arrays, const struct account *account)
{
    const struct account_report *report = &account->report;
    bool closed = report->reason == BREAKER_NONE;

    put(arrays, account->name, report->state, closed ? NULL : breaker_reason_name(report->reason));
    if (closed)
    {
        literal_null(&arrays[ARRAY_UNTIL_US]);
    }
    else
    {
        literal_int(&arrays[ARRAY_UNTIL_US],
                    loop_wall_us(circuits->loop) +
                        (report->until_ms - loop_now_ms(circuits->loop)) * 1000);
    }
    literal_int(&arrays[ARRAY_FAILURES], account->breaker.failures);
}

/* One that has never been usable has no breaker. */
static void
put_unusable(struct buf *arrays, const struct complaint *complaint)
{
    char reason[REASON_MAX];

    snprintf(reason, sizeof(reason), "unusable: %s", complaint->reason);
    put(arrays, complaint->name, "open", reason);
    literal_null(&arrays[ARRAY_UNTIL_US]);
    literal_int(&arrays[ARRAY_FAILURES], 0);
}

static void
fill(const struct circuits *circuits, struct buf *arrays)
{
    for (int i = 0; i < ARRAY_COUNT; i++)
    {
        buf_init(&arrays[i], ARRAY_BYTES_MAX);
        literal_open(&arrays[i]);
    }
    for (const struct account *a = circuits->accounts->first; a != NULL; a = a->next)
    {
        put_account(circuits, arrays, a);
    }
    for (const struct complaint *c = circuits->accounts->complaints; c != NULL; c = c->next)
    {
        if (!is_known(circuits->accounts, c->name))
        {
            put_unusable(arrays, c);
        }
    }
    for (int i = 0; i < ARRAY_COUNT; i++)
    {
        literal_close(&arrays[i]);
    }
}

/* What was refused is told again with the next change, what was lost under the next epoch or now.
 */
static void
on_told(void *user, enum db_status status, const struct db_result *result)
{
    struct circuits *circuits = user;

    circuits->under_way = false;
    if (status == DB_LOST)
    {
        circuits->accounts->changed = true;
    }
    if (status == DB_ERROR)
    {
        log_event(LOG_WARN, "the state of accounts cannot be written", "sqlstate",
                  db_result_sqlstate(result), "reason", db_result_message(result), NULL);
    }
}

static void
tell(struct circuits *circuits, struct db *db)
{
    struct buf arrays[ARRAY_COUNT];
    char epoch[24];
    const char *params[ARRAY_COUNT + 1] = { epoch };

    circuits->epoch = session_epoch(circuits->session);
    circuits->accounts->changed = false;
    circuits->under_way = true;
    snprintf(epoch, sizeof(epoch), "%" PRId64, circuits->epoch);
    fill(circuits, arrays);
    for (int i = 0; i < ARRAY_COUNT; i++)
    {
        params[i + 1] = arrays[i].data;
    }
    db_query(db, true, "select herald.provider_report($1, $2, $3, $4, $5, $6)", ARRAY_COUNT + 1,
             params, on_told, circuits);
    for (int i = 0; i < ARRAY_COUNT; i++)
    {
        buf_finish(&arrays[i]);
    }
}

static void
on_look(void *user)
{
    struct circuits *circuits = user;
    struct db *db = session_db(circuits->session, SESSION_CONTROL);

    if (db != NULL && !circuits->under_way && note(circuits))
    {
        tell(circuits, db);
    }
}

struct circuits *
circuits_create(struct loop *loop, struct session *session, struct accounts *accounts)
{
    struct circuits *circuits = mem_alloc(sizeof(*circuits));

    circuits->loop = loop;
    circuits->session = session;
    circuits->accounts = accounts;
    circuits->timer = loop_timer_create(loop, on_look, circuits);
    loop_timer_start(circuits->timer, LOOK_MS, LOOK_MS);
    return circuits;
}

void
circuits_destroy(struct circuits *circuits)
{
    loop_timer_destroy(circuits->timer);
    free(circuits);
}
