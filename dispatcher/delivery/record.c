/* Batches of results on their way into the database. */
#include "delivery/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/failpoint.h"
#include "core/log.h"
#include "core/mem.h"
#include "delivery/literal.h"
#include "delivery/tries.h"

#define BATCH_MAX 500
#define FLUSH_MS 25
#define UNDER_WAY_MAX 2
#define ARRAY_BYTES_MAX (8 * 1024 * 1024)
#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS 5000
/* Results that the database refuses are offered again after this. */
#define REFUSED_MS 10000
/* And those of a leaf that somebody has locked. */
#define LOCKED_MS 500

#define WORD_MAX 64
#define ID_MAX 200
#define REASON_MAX 500
#define ADDRESS_MAX 2048

/* Parameters of herald.record() between epoch and now. */
enum array
{
    ARRAY_LEAVES,
    ARRAY_IDS,
    ARRAY_ATTEMPTS,
    ARRAY_STATES,
    ARRAY_CLASSES,
    ARRAY_PROVIDERS,
    ARRAY_PHASES,
    ARRAY_STATUSES,
    ARRAY_CODES,
    ARRAY_REASONS,
    ARRAY_PROVIDER_IDS,
    ARRAY_STARTED_US,
    ARRAY_LATENCY_US,
    ARRAY_FAILURES,
    ARRAY_DUE_US,
    ARRAY_TOKENS,
    ARRAY_TOKEN_STATES,
    ARRAY_EVIDENCE_US,
    ARRAY_ADDRESSES,
    ARRAY_TRIES,
    ARRAY_COUNT
};

#define RECORD_SQL                                                                                 \
    "select applied, stale from herald.record($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,"  \
    " $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)"

struct recorder
{
    struct loop *loop;
    struct session *session;
    struct metrics *metrics;
    void (*freed)(void *user);
    void *user;
    struct loop_timer *timer;
    struct loop_timer *again;
    struct buf arrays[ARRAY_COUNT];
    struct delivery_list results;
    struct delivery_list releases;
    struct delivery_list refused; /* what the database did not take */
    struct batch *batches;        /* under way */
    size_t under_way;
    size_t held; /* deliveries in batches */
    int64_t retry_ms;
    int64_t wait_until_ms; /* nothing is written before */
    bool stalled;          /* told that the database does not take results */
};

struct batch
{
    struct batch *next;
    struct recorder *recorder;
    struct delivery_list items;
    bool release;
    int64_t sent_us;
};

static void flush(struct recorder *recorder);

static void
put_number(struct buf *array, bool known, int64_t value)
{
    if (known)
    {
        literal_int(array, value);
    }
    else
    {
        literal_null(array);
    }
}

/* What herald.record() and herald.release() need to find the claim. */
static void
put_claim(struct buf *arrays, const struct delivery *delivery)
{
    literal_int(&arrays[ARRAY_LEAVES], delivery->leaf);
    literal_text(&arrays[ARRAY_IDS], delivery->id, WORD_MAX);
    literal_int(&arrays[ARRAY_ATTEMPTS], delivery->attempt);
}

static void
put_result(struct buf *arrays, const struct delivery *delivery)
{
    const struct delivery_result *result = &delivery->result;
    bool attempted = result->attempted;
    bool full = !result->bare;
    const char *class = attempted ? outcome_class_name(result->class) : NULL;

    literal_text(&arrays[ARRAY_STATES], state_name(delivery->state), WORD_MAX);
    literal_text(&arrays[ARRAY_CLASSES], class, WORD_MAX);
    literal_text(&arrays[ARRAY_PROVIDERS], full ? result->provider : NULL, WORD_MAX);
    literal_text(&arrays[ARRAY_PHASES], result->phase, WORD_MAX);
    put_number(&arrays[ARRAY_STATUSES], full && result->status != 0, result->status);
    literal_text(&arrays[ARRAY_CODES], full ? result->code : NULL, WORD_MAX);
    literal_text(&arrays[ARRAY_REASONS],
                 full ? result->reason : "the database refused the details of this result",
                 REASON_MAX);
    literal_text(&arrays[ARRAY_PROVIDER_IDS], full ? result->provider_id : NULL, ID_MAX);
    put_number(&arrays[ARRAY_STARTED_US], attempted, result->started_us);
    put_number(&arrays[ARRAY_LATENCY_US], attempted, result->latency_us);
    literal_int(&arrays[ARRAY_FAILURES], result->failures);
    put_number(&arrays[ARRAY_DUE_US], delivery->state == DELIVERY_RETRY, result->due_us);
    literal_text(&arrays[ARRAY_TOKENS], full ? result->token : NULL, WORD_MAX);
    literal_text(&arrays[ARRAY_TOKEN_STATES], full ? result->token_state : NULL, WORD_MAX);
    put_number(&arrays[ARRAY_EVIDENCE_US], full && result->evidence_us != 0, result->evidence_us);
    literal_text(&arrays[ARRAY_ADDRESSES], full ? result->suppress : NULL, ADDRESS_MAX);
    literal_text(&arrays[ARRAY_TRIES], full ? tries_print(delivery) : NULL, TRIES_BYTES_MAX);
}

/* An array whose elements are all alike, as most are in most batches, is sent as one element. */
static void
shorten(struct buf *array, const size_t *ends, size_t count)
{
    size_t len = ends[0] - 1;

    for (size_t i = 1; i < count; i++)
    {
        if (ends[i] - ends[i - 1] - 1 != len ||
            memcmp(array->data + 1, array->data + ends[i - 1] + 1, len) != 0)
        {
            return;
        }
    }
    array->len = ends[0];
}

static void
fill_arrays(struct recorder *recorder, const struct batch *batch)
{
    size_t ends[ARRAY_COUNT][BATCH_MAX];
    size_t count = 0;

    for (int i = 0; i < ARRAY_COUNT; i++)
    {
        buf_reset(&recorder->arrays[i]);
        literal_open(&recorder->arrays[i]);
    }
    for (const struct delivery *d = batch->items.head; d != NULL; d = d->next)
    {
        put_claim(recorder->arrays, d);
        if (!batch->release)
        {
            put_result(recorder->arrays, d);
        }
        for (int i = 0; i < ARRAY_COUNT; i++)
        {
            ends[i][count] = recorder->arrays[i].len;
        }
        count++;
    }
    for (int i = 0; i < ARRAY_COUNT; i++)
    {
        if (!batch->release && i != ARRAY_IDS)
        {
            shorten(&recorder->arrays[i], ends[i], count);
        }
        literal_close(&recorder->arrays[i]);
    }
}

static void
batch_unlink(struct batch *batch)
{
    struct batch **link = &batch->recorder->batches;

    while (*link != batch)
    {
        link = &(*link)->next;
    }
    *link = batch->next;
    batch->recorder->under_way--;
    batch->recorder->held -= batch->items.count;
}

static void
batch_free(struct batch *batch)
{
    struct delivery *delivery;

    while ((delivery = delivery_list_shift(&batch->items)) != NULL)
    {
        delivery_destroy(delivery);
    }
    free(batch);
}

/* Put the batch's items in front of those that wait. */
static void
put_back(struct batch *batch)
{
    struct recorder *recorder = batch->recorder;
    struct delivery_list *list = batch->release ? &recorder->releases : &recorder->results;
    struct delivery *delivery;

    while ((delivery = delivery_list_shift(list)) != NULL)
    {
        delivery_list_push(&batch->items, delivery);
    }
    *list = batch->items;
    free(batch);
}

static void on_written(void *user, enum db_status status, const struct db_result *result);

static void
write_batch(struct batch *batch, struct db *db)
{
    struct recorder *recorder = batch->recorder;
    const char *params[ARRAY_COUNT + 2];
    char epoch[24];
    char now[24];

    snprintf(epoch, sizeof(epoch), "%" PRId64, batch->items.head->epoch);
    snprintf(now, sizeof(now), "%" PRId64, loop_wall_us(recorder->loop));
    fill_arrays(recorder, batch);
    params[0] = epoch;
    for (int i = 0; i < ARRAY_COUNT; i++)
    {
        params[i + 1] = recorder->arrays[i].data;
    }
    params[ARRAY_COUNT + 1] = now;
    batch->sent_us = loop_wall_us(recorder->loop);
    batch->next = recorder->batches;
    recorder->batches = batch;
    recorder->under_way++;
    recorder->held += batch->items.count;
    if (batch->release)
    {
        db_query(db, true, "select herald.release($1, $2, $3, $4)", 4, params, on_written, batch);
    }
    else
    {
        db_query(db, true, RECORD_SQL, ARRAY_COUNT + 2, params, on_written, batch);
        FAILPOINT("K9", NULL);
    }
}

/* Errors that pass by themselves: the same batch is written again. */
static bool
is_transient(const char *sqlstate)
{
    static const char *const classes[] = { "08", "25", "40", "53", "55", "57", "58" };

    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
    {
        if (strncmp(sqlstate, classes[i], 2) == 0)
        {
            return true;
        }
    }
    return false;
}

static void
wait_and_repeat(struct batch *batch, const struct db_result *result)
{
    struct recorder *recorder = batch->recorder;

    if (!recorder->stalled)
    {
        log_event(LOG_WARN, "results wait, the database does not take them", "sqlstate",
                  db_result_sqlstate(result), "reason", db_result_message(result), NULL);
    }
    recorder->stalled = true;
    recorder->retry_ms = recorder->retry_ms == 0 ? RETRY_FIRST_MS : recorder->retry_ms * 2;
    if (recorder->retry_ms > RETRY_MAX_MS)
    {
        recorder->retry_ms = RETRY_MAX_MS;
    }
    recorder->wait_until_ms = loop_now_ms(recorder->loop) + recorder->retry_ms;
    put_back(batch);
    loop_timer_start(recorder->timer, recorder->retry_ms, 0);
}

/* Keep the items until the timer offers them again; others go on meanwhile. */
static void
set_aside(struct batch *batch, int64_t ms)
{
    struct recorder *recorder = batch->recorder;
    struct delivery *delivery;

    while ((delivery = delivery_list_shift(&batch->items)) != NULL)
    {
        delivery_list_push(&recorder->refused, delivery);
    }
    batch_free(batch);
    loop_timer_start(recorder->again, ms, 0);
}

static void
log_refusal(const struct batch *batch, const struct db_result *result)
{
    log_event(LOG_ERROR, batch->release ? "claim cannot be given back" : "result is refused",
              "delivery", batch->items.head->id, "sqlstate", db_result_sqlstate(result), "reason",
              db_result_message(result), NULL);
}

/*
 * A batch of one was refused: report less, then keep the result and offer it again later. To give
 * the claim back would send the message once more, and again with every refusal.
 */
static void
simplify(struct batch *batch, const struct db_result *result)
{
    struct delivery *delivery = batch->items.head;

    if (!delivery->result.told)
    {
        log_refusal(batch, result);
    }
    if (batch->release)
    {
        batch_free(batch);
    }
    else if (!delivery->result.bare)
    {
        delivery->result.bare = true;
        put_back(batch);
    }
    else
    {
        delivery->result.bare = false;
        delivery->result.told = true;
        set_aside(batch, REFUSED_MS);
    }
}

/* One bad row must not hold up its neighbours: write the halves. */
static void
bisect(struct batch *batch, struct db *db)
{
    struct batch *half = mem_alloc(sizeof(*half));
    size_t keep = batch->items.count / 2;
    struct delivery_list all = batch->items;

    half->recorder = batch->recorder;
    half->release = batch->release;
    batch->items = (struct delivery_list){ NULL, NULL, 0 };
    while (batch->items.count < keep)
    {
        delivery_list_push(&batch->items, delivery_list_shift(&all));
    }
    half->items = all;
    write_batch(batch, db);
    write_batch(half, db);
}

/* Once for each result. */
static void
tell_locked(const struct batch *batch, const struct db_result *result)
{
    if (!batch->items.head->result.told)
    {
        log_event(LOG_WARN, "results wait for a lock", "delivery", batch->items.head->id, "reason",
                  db_result_message(result), NULL);
    }
    for (struct delivery *d = batch->items.head; d != NULL; d = d->next)
    {
        d->result.told = true;
    }
}

/* Somebody has locked a leaf: those of the first item's leaf wait apart from the others. */
static void
part_leaves(struct batch *batch, struct db *db, const struct db_result *result)
{
    struct batch *others = mem_alloc(sizeof(*others));
    struct delivery_list all = batch->items;
    int leaf = all.head->leaf;
    struct delivery *delivery;

    others->recorder = batch->recorder;
    others->release = batch->release;
    batch->items = (struct delivery_list){ NULL, NULL, 0 };
    while ((delivery = delivery_list_shift(&all)) != NULL)
    {
        delivery_list_push(delivery->leaf == leaf ? &batch->items : &others->items, delivery);
    }
    if (others->items.count == 0)
    {
        batch_free(others);
        tell_locked(batch, result);
        set_aside(batch, LOCKED_MS);
        return;
    }
    write_batch(batch, db);
    write_batch(others, db);
}

static void
refused(struct batch *batch, const struct db_result *result)
{
    struct db *db = session_db(batch->recorder->session, SESSION_RECORD);

    if (db != NULL && strcmp(db_result_sqlstate(result), "55P03") == 0)
    {
        part_leaves(batch, db, result);
    }
    else if (is_transient(db_result_sqlstate(result)))
    {
        wait_and_repeat(batch, result);
    }
    else if (db == NULL)
    {
        put_back(batch);
    }
    else if (batch->items.count > 1)
    {
        bisect(batch, db);
    }
    else
    {
        simplify(batch, result);
    }
}

/* Rows refused as stale: those reported before were taken then. */
static void
count_stale(struct recorder *recorder, const struct batch *batch, int64_t applied, int64_t stale)
{
    int64_t repeated = 0;
    char count[24];

    for (const struct delivery *d = batch->items.head; d != NULL; d = d->next)
    {
        repeated += d->result.repeated ? 1 : 0;
    }
    repeated = repeated < stale ? repeated : stale;
    metrics_record(recorder->metrics, loop_wall_us(recorder->loop) - batch->sent_us, applied,
                   stale - repeated);
    metrics_record_repeated(recorder->metrics, repeated);
    if (stale > repeated)
    {
        snprintf(count, sizeof(count), "%" PRId64, stale - repeated);
        log_event(LOG_WARN, "results refused, their claims were given to others", "count", count,
                  NULL);
    }
}

static void
taken(struct batch *batch, const struct db_result *result)
{
    struct recorder *recorder = batch->recorder;

    recorder->retry_ms = 0;
    recorder->wait_until_ms = 0;
    if (recorder->stalled)
    {
        log_event(LOG_INFO, "the database takes results again", NULL);
        recorder->stalled = false;
    }
    if (!batch->release && db_result_rows(result) == 1)
    {
        const char *applied = db_result_value(result, 0, 0);
        const char *stale = db_result_value(result, 0, 1);

        count_stale(recorder, batch, applied == NULL ? 0 : strtoll(applied, NULL, 10),
                    stale == NULL ? 0 : strtoll(stale, NULL, 10));
    }
    batch_free(batch);
}

static void
on_written(void *user, enum db_status status, const struct db_result *result)
{
    struct batch *batch = user;
    struct recorder *recorder = batch->recorder;

    batch_unlink(batch);
    if (status == DB_LOST)
    {
        for (struct delivery *d = batch->items.head; d != NULL; d = d->next)
        {
            d->result.repeated = true;
        }
        put_back(batch);
        return;
    }
    if (status == DB_ERROR)
    {
        refused(batch, result);
    }
    else
    {
        FAILPOINT("K10", NULL);
        taken(batch, result);
    }
    flush(recorder);
    recorder->freed(recorder->user);
}

/* Take up to a full batch of one epoch off the list. */
static struct batch *
cut_batch(struct recorder *recorder, struct delivery_list *list, bool release)
{
    struct batch *batch = mem_alloc(sizeof(*batch));
    int64_t epoch = list->head->epoch;

    batch->recorder = recorder;
    batch->release = release;
    while (list->head != NULL && list->head->epoch == epoch && batch->items.count < BATCH_MAX)
    {
        delivery_list_push(&batch->items, delivery_list_shift(list));
    }
    return batch;
}

static void
flush(struct recorder *recorder)
{
    struct db *db = session_db(recorder->session, SESSION_RECORD);

    if (db == NULL || loop_now_ms(recorder->loop) < recorder->wait_until_ms)
    {
        return;
    }
    while (recorder->under_way < UNDER_WAY_MAX)
    {
        if (recorder->results.head != NULL)
        {
            write_batch(cut_batch(recorder, &recorder->results, false), db);
        }
        else if (recorder->releases.head != NULL)
        {
            write_batch(cut_batch(recorder, &recorder->releases, true), db);
        }
        else
        {
            return;
        }
    }
}

static void
on_timer(void *user)
{
    flush(user);
}

static void
offer_again(void *user)
{
    struct recorder *recorder = user;
    struct delivery *delivery;

    while ((delivery = delivery_list_shift(&recorder->refused)) != NULL)
    {
        bool release = delivery->state == DELIVERY_QUEUED;

        delivery_list_push(release ? &recorder->releases : &recorder->results, delivery);
    }
    flush(recorder);
}

struct recorder *
record_create(struct loop *loop, struct session *session, struct metrics *metrics,
              void (*freed)(void *user), void *user)
{
    struct recorder *recorder = mem_alloc(sizeof(*recorder));

    recorder->loop = loop;
    recorder->session = session;
    recorder->metrics = metrics;
    recorder->freed = freed;
    recorder->user = user;
    recorder->timer = loop_timer_create(loop, on_timer, recorder);
    recorder->again = loop_timer_create(loop, offer_again, recorder);
    for (int i = 0; i < ARRAY_COUNT; i++)
    {
        buf_init(&recorder->arrays[i], ARRAY_BYTES_MAX);
    }
    return recorder;
}

static void
drop_list(struct delivery_list *list)
{
    struct delivery *delivery;

    while ((delivery = delivery_list_shift(list)) != NULL)
    {
        delivery_destroy(delivery);
    }
}

void
record_destroy(struct recorder *recorder)
{
    if (recorder == NULL)
    {
        return;
    }
    while (recorder->batches != NULL)
    {
        struct batch *next = recorder->batches->next;

        batch_free(recorder->batches);
        recorder->batches = next;
    }
    drop_list(&recorder->results);
    drop_list(&recorder->releases);
    drop_list(&recorder->refused);
    for (int i = 0; i < ARRAY_COUNT; i++)
    {
        buf_finish(&recorder->arrays[i]);
    }
    loop_timer_destroy(recorder->timer);
    loop_timer_destroy(recorder->again);
    free(recorder);
}

void
record_add(struct recorder *recorder, struct delivery *delivery)
{
    bool release = delivery->state == DELIVERY_QUEUED;
    bool first = recorder->results.count + recorder->releases.count == 0;

    delivery_list_push(release ? &recorder->releases : &recorder->results, delivery);
    FAILPOINT("K7", delivery->recipient);
    if (recorder->results.count >= BATCH_MAX)
    {
        flush(recorder);
    }
    else if (first && recorder->wait_until_ms == 0)
    {
        loop_timer_start(recorder->timer, FLUSH_MS, 0);
    }
}

void
record_flush(struct recorder *recorder)
{
    offer_again(recorder);
}

void
record_session_ready(struct recorder *recorder)
{
    recorder->wait_until_ms = 0;
    flush(recorder);
}

size_t
record_pending(const struct recorder *recorder)
{
    return recorder->results.count + recorder->releases.count + recorder->refused.count +
           recorder->held;
}

static bool
list_holds(const struct delivery_list *list, const char *id, int attempt)
{
    for (const struct delivery *d = list->head; d != NULL; d = d->next)
    {
        if (d->attempt == attempt && strcmp(d->id, id) == 0)
        {
            return true;
        }
    }
    return false;
}

bool
record_holds(const struct recorder *recorder, const char *id, int attempt)
{
    bool found = list_holds(&recorder->results, id, attempt) ||
                 list_holds(&recorder->releases, id, attempt) ||
                 list_holds(&recorder->refused, id, attempt);

    for (const struct batch *b = recorder->batches; b != NULL && !found; b = b->next)
    {
        found = list_holds(&b->items, id, attempt);
    }
    return found;
}
