/*
 * Credit-based claims, arming of the doorbell, polling as a safety net.
 *
 * What is committed before the doorbell is armed must be claimed after that. So the words that arm
 * it go first, and claims follow on the same session without waiting for an answer: to be woken
 * costs one round trip. While there is much to do nothing is armed, and nobody rings. Who is woken
 * for what others claim lets the next ring wait a little.
 */
#include "delivery/claim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/failpoint.h"
#include "core/log.h"
#include "core/mem.h"
#include "delivery/literal.h"

#define POLL_DOORBELL_MS 1000
#define POLL_BARE_MS 50
#define RETRY_MS 1000
#define BATCH_MAX 500
#define SUSPECT_PATIENCE_MS 1000
#define PAUSE_ROWS_PER_MS 4
#define PAUSE_MAX_MS 25
/* Wake-ups in a row that were for others, after which the next one may wait; and how long at most.
 */
#define USELESS_MAX 3
#define DOZE_MAX_MS 20

/* Columns of herald.claim(). */
enum column
{
    COLUMN_LEAF,
    COLUMN_ID,
    COLUMN_ATTEMPT,
    COLUMN_FAILURES,
    COLUMN_NOTIFICATION,
    COLUMN_RECIPIENT,
    COLUMN_PRIORITY,
    COLUMN_CATEGORY,
    COLUMN_TEMPLATE,
    COLUMN_VERSION,
    COLUMN_LOCALE,
    COLUMN_DATA,
    COLUMN_ATTRIBUTES,
    COLUMN_TIMEZONE,
    COLUMN_UTC_OFFSET_S,
    COLUMN_TIME_US,
    COLUMN_CREATED_US,
    COLUMN_EXPIRES_US,
    COLUMN_VERDICT,
    COLUMN_ADDRESS,
    COLUMN_TOKENS,
    COLUMN_POLICY,
    COLUMN_MAX_ATTEMPTS,
    COLUMN_MAX_AGE_S,
    COLUMN_MAX_SEGMENTS,
    COLUMN_TOPICS,
    COLUMN_REGION,
    COLUMN_DEVICE_KIND
};

struct lane
{
    struct claimer *claimer;
    enum channel channel;
    bool served;    /* --channels */
    bool wanted;    /* rows may wait that nobody looked for */
    bool under_way; /* a claim has not answered yet */
    bool full;      /* the last claim got all it asked for */
    bool busy;      /* or more than a few: the next one comes without being woken */
    int64_t paused_until_ms;
    int asked;
    int64_t epoch;
    int64_t asked_us;
};

/*
 * A delivery that may be what brought dispatchers down. One at a time, and begun only when the
 * database knows: if this process ends now, it is a reason to set it aside.
 */
struct suspect
{
    int channel; /* whose turn it is; CHANNEL_COUNT: none is left */
    bool under_way;
    struct delivery *delivery; /* claimed, waits for the word to begin */
    char id[40];               /* of the last one */
    int attempt;
    int64_t begun_ms;
    int64_t asked_us;
};

struct claimer
{
    struct loop *loop;
    struct session *session;
    struct metrics *metrics;
    struct claim_events events;
    void *user;
    struct lane lanes[CHANNEL_COUNT];
    struct loop_timer *poll;
    struct loop_timer *pause;
    struct loop_timer *doze; /* until a ring that may be for others is followed */
    bool stopped;
    bool failing;     /* the database refused; nothing is tried until the next poll */
    bool told;        /* about that */
    bool lost_answer; /* a claim may have taken rows that we never saw */
    bool reconciling;
    bool arming;
    bool rung;   /* since arming began, so it may have been used up */
    bool woken;  /* by a ring, and what came of it is not known yet */
    int found;   /* rows claimed since then */
    int useless; /* rings in a row that came to nothing */
    bool armed;
    bool bare; /* no doorbell in this server: poll */
    struct suspect suspect;
};

static bool
is_under_way(const struct claimer *claimer)
{
    if (claimer->suspect.under_way)
    {
        return true;
    }
    for (int i = 0; i < CHANNEL_COUNT; i++)
    {
        if (claimer->lanes[i].under_way)
        {
            return true;
        }
    }
    return false;
}

static const char *
text_of(struct delivery *delivery, const struct db_result *result, int row, enum column column)
{
    const char *value = db_result_value(result, row, (int) column);

    return value == NULL
               ? NULL
               : arena_strndup(delivery->arena, value, db_result_length(result, row, (int) column));
}

static int64_t
number_of(const struct db_result *result, int row, enum column column)
{
    const char *value = db_result_value(result, row, (int) column);

    return value == NULL ? 0 : strtoll(value, NULL, 10);
}

static void
parse_budget(struct delivery *delivery, const struct db_result *result, int row)
{
    const char *policy = db_result_value(result, row, COLUMN_POLICY);
    const char *topics = db_result_value(result, row, COLUMN_TOPICS);

    delivery->at_most_once = policy != NULL && strcmp(policy, "at_most_once") == 0;
    delivery->max_attempts = (int) number_of(result, row, COLUMN_MAX_ATTEMPTS);
    delivery->max_age_s = number_of(result, row, COLUMN_MAX_AGE_S);
    delivery->max_segments = (int) number_of(result, row, COLUMN_MAX_SEGMENTS);
    delivery->message.topics_allowed = topics != NULL && strcmp(topics, "t") == 0;
}

static struct delivery *
parse_row(const struct lane *lane, const struct db_result *result, int row)
{
    struct delivery *delivery = delivery_create();
    const char *tokens = db_result_value(result, row, COLUMN_TOKENS);

    FAILPOINT("K1", db_result_value(result, row, COLUMN_RECIPIENT));
    delivery->epoch = lane->epoch;
    delivery->channel = lane->channel;
    delivery->claimed_ms = loop_now_ms(lane->claimer->loop);
    delivery->leaf = (int) number_of(result, row, COLUMN_LEAF);
    delivery->id = text_of(delivery, result, row, COLUMN_ID);
    delivery->attempt = (int) number_of(result, row, COLUMN_ATTEMPT);
    delivery->failures = (int) number_of(result, row, COLUMN_FAILURES);
    delivery->notification = text_of(delivery, result, row, COLUMN_NOTIFICATION);
    delivery->recipient = text_of(delivery, result, row, COLUMN_RECIPIENT);
    delivery->priority = text_of(delivery, result, row, COLUMN_PRIORITY);
    delivery->category = text_of(delivery, result, row, COLUMN_CATEGORY);
    delivery->template_name = text_of(delivery, result, row, COLUMN_TEMPLATE);
    delivery->version = (int) number_of(result, row, COLUMN_VERSION);
    delivery->locale = text_of(delivery, result, row, COLUMN_LOCALE);
    delivery->data = text_of(delivery, result, row, COLUMN_DATA);
    delivery->attributes = text_of(delivery, result, row, COLUMN_ATTRIBUTES);
    delivery->timezone = text_of(delivery, result, row, COLUMN_TIMEZONE);
    delivery->utc_offset_s = (int) number_of(result, row, COLUMN_UTC_OFFSET_S);
    delivery->time_us = number_of(result, row, COLUMN_TIME_US);
    delivery->created_us = number_of(result, row, COLUMN_CREATED_US);
    delivery->expires_us = number_of(result, row, COLUMN_EXPIRES_US);
    delivery->verdict = text_of(delivery, result, row, COLUMN_VERDICT);
    delivery->address = text_of(delivery, result, row, COLUMN_ADDRESS);
    delivery->region = text_of(delivery, result, row, COLUMN_REGION);
    delivery->device_kind = text_of(delivery, result, row, COLUMN_DEVICE_KIND);
    delivery->locale = delivery->locale == NULL ? "" : delivery->locale;
    delivery->data = delivery->data == NULL ? "{}" : delivery->data;
    delivery->device = tokens != NULL;
    if (tokens != NULL)
    {
        delivery_parse_tokens(delivery, tokens, db_result_length(result, row, COLUMN_TOKENS));
    }
    parse_budget(delivery, result, row);
    return delivery;
}

static void
claim_failed(struct claimer *claimer, const struct db_result *result)
{
    if (!claimer->told)
    {
        log_event(LOG_ERROR, "claims are refused", "sqlstate", db_result_sqlstate(result), "reason",
                  db_result_message(result), NULL);
    }
    claimer->told = true;
    claimer->failing = true;
    loop_timer_start(claimer->poll, RETRY_MS, RETRY_MS);
}

/*
 * At thousands a second claims of a few rows would cost more than the rows do, so what comes is let
 * gather for a while: the longer, the more has come. Below some four thousand a second this pause
 * shrinks to nothing.
 */
static void
pause_lane(struct lane *lane, int rows)
{
    int64_t pause_ms = rows / PAUSE_ROWS_PER_MS;

    if (pause_ms > 0)
    {
        lane->busy = true;
        lane->wanted = true;
        lane->paused_until_ms =
            loop_now_ms(lane->claimer->loop) + (pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS);
    }
}

static void
take_claims(struct lane *lane, enum db_status status, const struct db_result *result)
{
    struct claimer *claimer = lane->claimer;
    int rows;

    if (status == DB_LOST)
    {
        lane->wanted = true;
        claimer->lost_answer = true;
        return;
    }
    if (status == DB_ERROR)
    {
        lane->wanted = true;
        claim_failed(claimer, result);
        return;
    }
    claimer->told = false;
    rows = db_result_rows(result);
    metrics_claim(claimer->metrics, loop_wall_us(claimer->loop) - lane->asked_us, rows);
    claimer->found += rows;
    lane->full = rows >= lane->asked;
    lane->busy = lane->full;
    lane->wanted = lane->wanted || lane->full;
    if (!lane->full)
    {
        pause_lane(lane, rows);
    }
    for (int row = 0; row < rows; row++)
    {
        claimer->events.claimed(claimer->user, parse_row(lane, result, row));
    }
}

static void
on_claimed(void *user, enum db_status status, const struct db_result *result)
{
    struct lane *lane = user;
    struct claimer *claimer = lane->claimer;

    lane->under_way = false;
    take_claims(lane, status, result);
    claimer->events.claims_end(claimer->user);
    if (status == DB_OK)
    {
        claim_pump(claimer);
    }
}

static void
claim_lane(struct lane *lane, struct db *db, int credit)
{
    struct claimer *claimer = lane->claimer;
    char epoch[24];
    char max[16];
    const char *params[3] = { epoch, channel_name(lane->channel), max };

    lane->wanted = false;
    lane->under_way = true;
    lane->asked = credit < BATCH_MAX ? credit : BATCH_MAX;
    lane->epoch = session_epoch(claimer->session);
    lane->asked_us = loop_wall_us(claimer->loop);
    snprintf(epoch, sizeof(epoch), "%" PRId64, lane->epoch);
    snprintf(max, sizeof(max), "%d", lane->asked);
    db_query(db, true, "select * from herald.claim($1, $2, $3)", 3, params, on_claimed, lane);
}

static void
drop_suspect(struct claimer *claimer)
{
    delivery_destroy(claimer->suspect.delivery);
    claimer->suspect.delivery = NULL;
    claimer->lost_answer = true;
}

static void
on_suspect_begun(void *user, enum db_status status, const struct db_result *result)
{
    struct claimer *claimer = user;
    struct suspect *suspect = &claimer->suspect;
    struct delivery *delivery = suspect->delivery;
    const char *begun = status == DB_OK ? db_result_value(result, 0, 0) : NULL;

    suspect->under_way = false;
    if (begun == NULL || begun[0] != 't')
    {
        drop_suspect(claimer);
        return;
    }
    suspect->delivery = NULL;
    suspect->begun_ms = loop_now_ms(claimer->loop);
    claimer->events.claimed(claimer->user, delivery);
    claimer->events.claims_end(claimer->user);
}

static void
begin_suspect(struct claimer *claimer, struct delivery *delivery)
{
    struct suspect *suspect = &claimer->suspect;
    struct db *db = session_db(claimer->session, SESSION_CLAIM);
    char epoch[24];
    char attempt[16];
    const char *params[3] = { epoch, suspect->id, attempt };

    suspect->delivery = delivery;
    suspect->attempt = delivery->attempt;
    snprintf(suspect->id, sizeof(suspect->id), "%s", delivery->id);
    snprintf(epoch, sizeof(epoch), "%" PRId64, delivery->epoch);
    snprintf(attempt, sizeof(attempt), "%d", delivery->attempt);
    log_event(LOG_WARN, "a delivery whose dispatchers were lost is tried on its own", "delivery",
              delivery->id, NULL);
    if (db == NULL)
    {
        drop_suspect(claimer);
        return;
    }
    suspect->under_way = true;
    db_query(db, true, "select herald.suspect_begin($1, $2, $3)", 3, params, on_suspect_begun,
             claimer);
}

static void
on_suspect(void *user, enum db_status status, const struct db_result *result)
{
    struct lane *lane = user;
    struct claimer *claimer = lane->claimer;

    claimer->suspect.under_way = false;
    if (status == DB_LOST)
    {
        claimer->lost_answer = true;
    }
    else if (status == DB_ERROR)
    {
        claim_failed(claimer, result);
    }
    else if (db_result_rows(result) == 1)
    {
        metrics_claim(claimer->metrics, loop_wall_us(claimer->loop) - claimer->suspect.asked_us, 1);
        begin_suspect(claimer, parse_row(lane, result, 0));
    }
    else
    {
        claimer->suspect.channel++;
    }
    claimer->events.claims_end(claimer->user);
    claim_pump(claimer);
}

/* Is the last suspect still being worked on? A slow provider is not waited for for ever. */
static bool
is_suspect_out(const struct claimer *claimer)
{
    const struct suspect *suspect = &claimer->suspect;

    return suspect->under_way ||
           (suspect->attempt > 0 &&
            loop_now_ms(claimer->loop) - suspect->begun_ms < SUSPECT_PATIENCE_MS &&
            claimer->events.is_known(claimer->user, suspect->id, suspect->attempt));
}

static void
claim_suspect(struct claimer *claimer, struct db *db)
{
    struct suspect *suspect = &claimer->suspect;

    if (!session_has_suspects(claimer->session) || is_suspect_out(claimer))
    {
        return;
    }
    for (; suspect->channel < CHANNEL_COUNT; suspect->channel++)
    {
        struct lane *lane = &claimer->lanes[suspect->channel];
        char epoch[24];
        const char *params[2] = { epoch, channel_name(lane->channel) };

        if (!lane->served || claimer->events.credit(claimer->user, lane->channel) == 0)
        {
            continue;
        }
        suspect->under_way = true;
        lane->epoch = session_epoch(claimer->session);
        suspect->asked_us = loop_wall_us(claimer->loop);
        snprintf(epoch, sizeof(epoch), "%" PRId64, lane->epoch);
        db_query(db, true, "select * from herald.claim_suspect($1, $2)", 2, params, on_suspect,
                 lane);
        return;
    }
}

static void
want_all(struct claimer *claimer)
{
    for (int i = 0; i < CHANNEL_COUNT; i++)
    {
        claimer->lanes[i].wanted = claimer->lanes[i].served;
    }
}

static void
start_polling(struct claimer *claimer)
{
    int64_t period = claimer->bare ? POLL_BARE_MS : POLL_DOORBELL_MS;

    loop_timer_start(claimer->poll, period, period);
}

static void
on_armed(void *user, enum db_status status, const struct db_result *result)
{
    struct claimer *claimer = user;
    const char *mode;

    claimer->arming = false;
    if (status != DB_OK || db_result_rows(result) != 1)
    {
        if (status == DB_ERROR)
        {
            claim_failed(claimer, result);
        }
        return;
    }
    mode = db_result_value(result, 0, 0);
    claimer->armed = !claimer->rung;
    if (claimer->bare != (mode == NULL || strcmp(mode, "doorbell") != 0))
    {
        claimer->bare = !claimer->bare;
        log_event(LOG_INFO,
                  claimer->bare ? "no doorbell (pg_herald is not in shared_preload_libraries), "
                                  "polling every 50 ms"
                                : "the doorbell works",
                  NULL);
        start_polling(claimer);
    }
    claim_pump(claimer);
}

/* Ask to be woken; claims have to follow. A bell without anybody to hear it is not armed. */
static void
arm(struct claimer *claimer, struct db *db)
{
    if (!claimer->armed && !claimer->arming &&
        session_db(claimer->session, SESSION_CONTROL) != NULL)
    {
        claimer->arming = true;
        claimer->rung = false;
        want_all(claimer);
        db_query(db, true, "select herald.doorbell_arm()", 0, NULL, on_armed, claimer);
    }
}

/* Under load wait until a good part of the last batch is done: small claims cost as much. */
static bool
is_worth_it(const struct lane *lane, int credit)
{
    return credit > 0 && (!lane->full || credit >= lane->asked / 2);
}

/* Will a lane with much to do be claimed for anyway, now or after its pause? */
static bool
is_busy(const struct claimer *claimer)
{
    for (int i = 0; i < CHANNEL_COUNT; i++)
    {
        const struct lane *lane = &claimer->lanes[i];

        if (lane->busy && (lane->under_way || lane->paused_until_ms > loop_now_ms(claimer->loop) ||
                           is_worth_it(lane, claimer->events.credit(claimer->user, lane->channel))))
        {
            return true;
        }
    }
    return false;
}

static void
on_released(void *user, enum db_status status, const struct db_result *result)
{
    struct claimer *claimer = user;

    (void) result;
    claimer->reconciling = false;
    claimer->lost_answer = status != DB_OK;
    claim_wake(claimer);
}

struct forgotten
{
    struct buf leaves;
    struct buf ids;
    struct buf attempts;
    int count;
};

static void
forgotten_add(struct forgotten *forgotten, const struct db_result *result, int row)
{
    literal_int(&forgotten->leaves, number_of(result, row, COLUMN_LEAF));
    literal_text(&forgotten->ids, db_result_value(result, row, COLUMN_ID), 36);
    literal_int(&forgotten->attempts, number_of(result, row, COLUMN_ATTEMPT));
    forgotten->count++;
}

static void
release_forgotten(struct claimer *claimer, struct forgotten *forgotten)
{
    struct db *db = session_db(claimer->session, SESSION_CLAIM);
    char epoch[24];
    char count[16];
    const char *params[4] = { epoch, forgotten->leaves.data, forgotten->ids.data,
                              forgotten->attempts.data };

    snprintf(epoch, sizeof(epoch), "%" PRId64, session_epoch(claimer->session));
    snprintf(count, sizeof(count), "%d", forgotten->count);
    if (forgotten->count > 0)
    {
        log_event(LOG_INFO, "claims given back whose answer was lost", "count", count, NULL);
    }
    if (db != NULL)
    {
        db_query(db, true, "select herald.release($1, $2, $3, $4)", 4, params, on_released,
                 claimer);
    }
    else
    {
        claimer->reconciling = false;
    }
}

/* All claims of our epoch are here: those that we do not know go back. */
static void
on_held(void *user, enum db_status status, const struct db_result *result)
{
    struct claimer *claimer = user;
    struct forgotten forgotten = { .count = 0 };
    struct buf *arrays[] = { &forgotten.leaves, &forgotten.ids, &forgotten.attempts };

    if (status != DB_OK)
    {
        claimer->reconciling = false;
        if (status == DB_ERROR)
        {
            claim_failed(claimer, result);
        }
        return;
    }
    for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
    {
        buf_init(arrays[i], 1024 * 1024);
        literal_open(arrays[i]);
    }
    for (int row = 0; row < db_result_rows(result); row++)
    {
        if (!claimer->events.is_known(claimer->user, db_result_value(result, row, COLUMN_ID),
                                      (int) number_of(result, row, COLUMN_ATTEMPT)))
        {
            forgotten_add(&forgotten, result, row);
        }
    }
    for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
    {
        literal_close(arrays[i]);
    }
    release_forgotten(claimer, &forgotten);
    for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
    {
        buf_finish(arrays[i]);
    }
}

static void
reconcile(struct claimer *claimer, struct db *db)
{
    char epoch[24];
    const char *params[1] = { epoch };

    if (claimer->reconciling || is_under_way(claimer))
    {
        return;
    }
    claimer->reconciling = true;
    snprintf(epoch, sizeof(epoch), "%" PRId64, session_epoch(claimer->session));
    db_query(db, true, "select leaf, id, attempt from herald.claimed($1)", 1, params, on_held,
             claimer);
}

/* Claim for every lane that wants to; returns when the first of the pausing ones goes on, or 0. */
static int64_t
claim_lanes(struct claimer *claimer, struct db *db)
{
    int64_t now_ms = loop_now_ms(claimer->loop);
    int64_t pause_ms = 0;

    for (int i = 0; i < CHANNEL_COUNT; i++)
    {
        struct lane *lane = &claimer->lanes[i];
        int64_t left_ms = lane->paused_until_ms - now_ms;
        int credit;

        if (!lane->wanted || lane->under_way)
        {
            continue;
        }
        if (left_ms > 0)
        {
            pause_ms = pause_ms == 0 || left_ms < pause_ms ? left_ms : pause_ms;
            continue;
        }
        credit = claimer->events.credit(claimer->user, lane->channel);
        if (is_worth_it(lane, credit))
        {
            claim_lane(lane, db, credit);
        }
    }
    return pause_ms;
}

/* All that a ring led to is claimed. */
static void
judge_ring(struct claimer *claimer)
{
    if (claimer->woken)
    {
        claimer->useless = claimer->found > 0 ? 0 : claimer->useless + 1;
        claimer->woken = false;
    }
}

void
claim_pump(struct claimer *claimer)
{
    struct db *db = session_db(claimer->session, SESSION_CLAIM);
    int64_t pause_ms;

    if (claimer->stopped || claimer->failing || db == NULL || !session_is_ready(claimer->session))
    {
        return;
    }
    if (claimer->lost_answer)
    {
        reconcile(claimer, db);
        return;
    }
    if (!session_is_armed(claimer->session))
    {
        return;
    }
    if (!is_busy(claimer))
    {
        arm(claimer, db);
    }
    pause_ms = claim_lanes(claimer, db);
    claim_suspect(claimer, db);
    if (pause_ms > 0)
    {
        loop_timer_start(claimer->pause, pause_ms, 0);
    }
    else if (!is_under_way(claimer) && !claimer->arming)
    {
        judge_ring(claimer);
        claimer->events.idle(claimer->user);
    }
}

/* The doorbell was not armed meanwhile, so every channel is looked at, not only the one that
 * paused. */
static void
on_pause_over(void *user)
{
    claim_wake(user);
}

static void
on_poll(void *user)
{
    struct claimer *claimer = user;

    if (claimer->failing)
    {
        claimer->failing = false;
        start_polling(claimer);
    }
    for (int i = 0; i < CHANNEL_COUNT; i++)
    {
        claimer->lanes[i].full = false;
    }
    claimer->suspect.channel = 0;
    claim_wake(claimer);
}

struct claimer *
claim_create(struct loop *loop, struct session *session, struct metrics *metrics, unsigned channels,
             const struct claim_events *events, void *user)
{
    struct claimer *claimer = mem_alloc(sizeof(*claimer));

    claimer->loop = loop;
    claimer->session = session;
    claimer->metrics = metrics;
    claimer->events = *events;
    claimer->user = user;
    for (int i = 0; i < CHANNEL_COUNT; i++)
    {
        claimer->lanes[i].claimer = claimer;
        claimer->lanes[i].channel = (enum channel) i;
        claimer->lanes[i].served = (channels & 1u << i) != 0;
    }
    claimer->poll = loop_timer_create(loop, on_poll, claimer);
    claimer->pause = loop_timer_create(loop, on_pause_over, claimer);
    claimer->doze = loop_timer_create(loop, on_pause_over, claimer);
    start_polling(claimer);
    return claimer;
}

void
claim_destroy(struct claimer *claimer)
{
    if (claimer != NULL)
    {
        loop_timer_destroy(claimer->poll);
        loop_timer_destroy(claimer->pause);
        loop_timer_destroy(claimer->doze);
        delivery_destroy(claimer->suspect.delivery);
        free(claimer);
    }
}

void
claim_wake(struct claimer *claimer)
{
    want_all(claimer);
    claim_pump(claimer);
}

void
claim_session_ready(struct claimer *claimer)
{
    claimer->useless = 0;
    claim_doorbell(claimer);
}

/* How long a ring waits when those before it were for others: doubled each time. */
static int64_t
doze_ms(const struct claimer *claimer)
{
    int over = claimer->useless - USELESS_MAX;

    if (over <= 0)
    {
        return 0;
    }
    return over > 4 ? DOZE_MAX_MS : INT64_C(1) << over;
}

/* It comes on another session, so perhaps before the answer to the arming that it used up. */
void
claim_doorbell(struct claimer *claimer)
{
    int64_t wait_ms = doze_ms(claimer);

    claimer->armed = false;
    claimer->rung = true;
    claimer->woken = true;
    claimer->found = 0;
    if (wait_ms == 0)
    {
        claim_wake(claimer);
    }
    else
    {
        loop_timer_start(claimer->doze, wait_ms, 0);
    }
}

void
claim_stop(struct claimer *claimer)
{
    claimer->stopped = true;
    loop_timer_stop(claimer->poll);
    loop_timer_stop(claimer->pause);
    loop_timer_stop(claimer->doze);
}

bool
claim_is_quiet(const struct claimer *claimer)
{
    return !is_under_way(claimer);
}
