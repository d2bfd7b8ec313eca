/* Asking, and what the answer means. */
#include "delivery/quota.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/log.h"
#include "core/mem.h"

#define QUOTA_SQL                                                                                  \
    "select granted, day_ends_us from herald.provider_quota($1, $2, $3::text::bigint,"             \
    " $4::text::bigint)"
/* Taken at a time beyond what waits, so that few rows are written and little is lost by a crash. */
#define AHEAD_MIN 10
#define AHEAD_SHARE 200
/* After a refusal by the database. */
#define REFUSED_MS 5000

struct question
{
    struct quota_source *source;
    struct account *account;
};

static void
take_answer(struct quota_source *source, struct account *account, const struct db_result *result)
{
    int64_t granted = strtoll(db_result_value(result, 0, 0), NULL, 10);
    int64_t left_ms = strtoll(db_result_value(result, 0, 1), NULL, 10) / 1000;
    int64_t now_ms = loop_now_ms(source->loop);

    if (!limit_has_grant(&account->limit, now_ms))
    {
        account->limit.granted = 0;
    }
    account->limit.granted += granted;
    account->limit.day_ends_ms = now_ms + left_ms;
    if (granted == 0 && account->limit.granted == 0 &&
        breaker_exhaust(&account->breaker, now_ms + left_ms))
    {
        log_event(LOG_WARN, "account is paused", "account", account->name, "cause", "quota",
                  "reason", "max_per_day is used up", NULL);
    }
}

static void
on_answer(void *user, enum db_status status, const struct db_result *result)
{
    struct question *question = user;
    struct quota_source *source = question->source;
    struct account *account = question->account;

    free(question);
    account->limit_asked = false;
    if (status == DB_OK && db_result_rows(result) == 1)
    {
        take_answer(source, account, result);
    }
    else if (status == DB_ERROR)
    {
        account->limit_ask_ms = loop_now_ms(source->loop) + REFUSED_MS;
        log_event(LOG_ERROR, "requests of the day cannot be taken", "account", account->name,
                  "sqlstate", db_result_sqlstate(result), "reason", db_result_message(result),
                  NULL);
    }
    account_release(account);
    source->changed(source->user);
}

static void
ask(struct quota_source *source, struct account *account, int64_t wanted)
{
    struct db *db = session_db(source->session, SESSION_CONTROL);
    struct question *question;
    char numbers[3][24];
    const char *params[] = { numbers[0], account->name, numbers[1], numbers[2] };

    if (db == NULL)
    {
        return;
    }
    question = mem_alloc(sizeof(*question));
    *question = (struct question){ source, account };
    account_retain(account);
    account->limit_asked = true;
    snprintf(numbers[0], sizeof(numbers[0]), "%" PRId64, session_epoch(source->session));
    snprintf(numbers[1], sizeof(numbers[1]), "%" PRId64, account->limit.per_day);
    snprintf(numbers[2], sizeof(numbers[2]), "%" PRId64, wanted);
    db_query(db, true, QUOTA_SQL, 4, params, on_answer, question);
}

void
quota_ensure(struct quota_source *source, struct account *account)
{
    int64_t now_ms = loop_now_ms(source->loop);
    int64_t waiting = (int64_t) account->queue.count;
    int64_t ahead = account->limit.per_day / AHEAD_SHARE;
    int64_t has = limit_has_grant(&account->limit, now_ms) ? account->limit.granted : 0;

    if (account->limit.per_day > 0 && !account->limit_asked && now_ms >= account->limit_ask_ms &&
        has < waiting && account_pause_ms(account, now_ms) == 0)
    {
        ask(source, account, waiting - has + (ahead > AHEAD_MIN ? ahead : AHEAD_MIN));
    }
}

void
quota_return(struct quota_source *source, struct account *account)
{
    int64_t granted = account->limit.granted;

    if (granted > 0 && limit_has_grant(&account->limit, loop_now_ms(source->loop)))
    {
        account->limit.granted = 0;
        ask(source, account, -granted);
    }
}
