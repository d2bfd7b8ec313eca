/*
 * The rows of a send: see store.h.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "doorbell.h"
#include "outbox.h"
#include "rows.h"
#include "store.h"

#define NOTIFICATION_ROWS "herald_notification_rows"
#define OUTBOX_ROWS "herald_outbox_rows"
#define ASIDE_ROWS "herald_aside_rows"

/* All columns of their tables, in the same order: nothing is computed for a row. */
#define NOTIFICATION                                                                               \
    "id, bucket, recipient, template, version, category, priority, data, attributes, locale,"      \
    " timezone, sender, idempotency_key, send_at, expires_at, created_at, deliveries"
#define COMMON "id, bucket, notification, recipient, channel, priority, device, category, template"
#define WAITING COMMON ", lane"
#define OUTBOX WAITING ", attempt, failures, epoch, queued_at, claimed_at, created_at, expires_at"

enum notification_column
{
    N_ID,
    N_BUCKET,
    N_RECIPIENT,
    N_TEMPLATE,
    N_VERSION,
    N_CATEGORY,
    N_PRIORITY,
    N_DATA,
    N_ATTRIBUTES,
    N_LOCALE,
    N_TIMEZONE,
    N_SENDER,
    N_IDEMPOTENCY_KEY,
    N_SEND_AT,
    N_EXPIRES_AT,
    N_CREATED_AT,
    N_DELIVERIES,
    N_COUNT
};

static struct herald_shape notification_shape = {
    .sql = "select " NOTIFICATION " from herald.notification",
};

enum delivery_column
{
    D_ID,
    D_BUCKET,
    D_NOTIFICATION,
    D_RECIPIENT,
    D_CHANNEL,
    D_PRIORITY,
    D_DEVICE,
    D_CATEGORY,
    D_TEMPLATE,
    D_LANE,
    D_ATTEMPT,
    D_FAILURES,
    D_EPOCH,
    D_QUEUED_AT,
    D_CLAIMED_AT,
    D_CREATED_AT,
    D_EXPIRES_AT,
    D_REASON, /* of those put aside */
    D_COUNT
};

static struct herald_shape outbox_shape = {
    .sql = "select " OUTBOX " from herald.outbox",
};

static struct herald_shape aside_shape = {
    .sql = "select " OUTBOX ", null::text as reason from herald.outbox",
};

static void
insert(SPIPlanPtr plan, Datum *values)
{
    if (SPI_execute_snapshot(plan, values, NULL, GetActiveSnapshot(), InvalidSnapshot, false, true,
                             0) != SPI_OK_INSERT)
        elog(ERROR, "could not store a notification");
}

static text *
locale_of(const struct herald_request *request, const struct herald_target *target)
{
    if (request->locale != NULL)
        return request->locale;
    return target->locale != NULL ? target->locale : cstring_to_text("");
}

/* Columns that are the same for all targets. */
static void
set_request(const struct herald_batch *batch, TupleDesc columns, Datum *values, bool *nulls)
{
    const struct herald_request *request = batch->request;

    values[N_TEMPLATE] = PointerGetDatum(request->template_name);
    values[N_VERSION] = Int32GetDatum(request->version);
    values[N_CATEGORY] = PointerGetDatum(request->category);
    nulls[N_CATEGORY] = request->category == NULL;
    values[N_PRIORITY] = herald_rows_label(columns, N_PRIORITY, request->priority);
    values[N_DATA] = JsonbPGetDatum(request->data);
    values[N_SENDER] = CStringGetTextDatum(request->sender);
    values[N_IDEMPOTENCY_KEY] = PointerGetDatum(batch->key);
    nulls[N_IDEMPOTENCY_KEY] = batch->key == NULL;
    values[N_SEND_AT] = TimestampTzGetDatum(request->send_at);
    nulls[N_SEND_AT] = !request->scheduled;
    values[N_EXPIRES_AT] = TimestampTzGetDatum(request->expires_at);
    nulls[N_EXPIRES_AT] = !request->expires;
    values[N_CREATED_AT] = TimestampTzGetDatum(request->created_at);
}

/* Columns of a target; ids are those of its deliveries. */
static void
set_target(const struct herald_batch *batch, const struct herald_target *target, ArrayType *ids,
           Datum *values, bool *nulls)
{
    values[N_ID] = UUIDPGetDatum(&target->notification);
    values[N_BUCKET] = Int32GetDatum(target->bucket);
    values[N_RECIPIENT] = PointerGetDatum(target->recipient);
    values[N_ATTRIBUTES] = JsonbPGetDatum(target->attributes);
    nulls[N_ATTRIBUTES] = target->attributes == NULL;
    values[N_LOCALE] = PointerGetDatum(locale_of(batch->request, target));
    values[N_TIMEZONE] = PointerGetDatum(target->timezone);
    nulls[N_TIMEZONE] = target->timezone == NULL;
    values[N_DELIVERIES] = PointerGetDatum(ids);
}

static void
add_notifications(Tuplestorestate *rows, TupleDesc columns, const struct herald_batch *batch)
{
    Datum values[N_COUNT];
    bool nulls[N_COUNT] = { false };
    Datum *ids = palloc((size_t) batch->count * sizeof(Datum));
    int at = 0;

    set_request(batch, columns, values, nulls);
    for (int i = 0; i < batch->target_count; i++)
    {
        int count = 0;

        while (at < batch->count && batch->deliveries[at].target == &batch->targets[i])
            ids[count++] = UUIDPGetDatum(&batch->deliveries[at++].id);
        set_target(batch, &batch->targets[i],
                   construct_array(ids, count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR), values,
                   nulls);
        tuplestore_putvalues(rows, columns, values, nulls);
    }
}

/* Add the deliveries that are refused, or those that are not. */
static void
add_deliveries(Tuplestorestate *rows, TupleDesc columns, const struct herald_batch *batch,
               bool refused, TimestampTz now)
{
    const struct herald_request *request = batch->request;
    Datum values[D_COUNT] = {
        [D_PRIORITY] = herald_rows_label(columns, D_PRIORITY, request->priority),
        [D_CATEGORY] = PointerGetDatum(request->category),
        [D_TEMPLATE] = PointerGetDatum(request->template_name),
        [D_LANE] = Int16GetDatum((int16) herald_outbox_lane(request->sender)),
        [D_QUEUED_AT] = TimestampTzGetDatum(now),
        [D_CREATED_AT] = TimestampTzGetDatum(request->created_at),
        [D_EXPIRES_AT] = TimestampTzGetDatum(request->expires_at),
    };
    bool nulls[D_COUNT] = {
        [D_CATEGORY] = request->category == NULL, [D_EPOCH] = true,      [D_CLAIMED_AT] = true,
        [D_EXPIRES_AT] = !request->expires,       [D_REASON] = !refused,
    };

    for (int i = 0; i < batch->count; i++)
    {
        const struct herald_delivery *delivery = &batch->deliveries[i];

        if ((delivery->reason != NULL) != refused)
            continue;
        values[D_ID] = UUIDPGetDatum(&delivery->id);
        values[D_BUCKET] = Int32GetDatum(delivery->target->bucket);
        values[D_NOTIFICATION] = UUIDPGetDatum(&delivery->target->notification);
        values[D_RECIPIENT] = PointerGetDatum(delivery->target->recipient);
        values[D_CHANNEL] =
            herald_rows_label(columns, D_CHANNEL, herald_channel_names[delivery->channel]);
        values[D_DEVICE] = UUIDPGetDatum(delivery->device);
        nulls[D_DEVICE] = delivery->device == NULL;
        if (refused)
            values[D_REASON] = CStringGetTextDatum(delivery->reason);
        tuplestore_putvalues(rows, columns, values, nulls);
    }
}

static void
store_notifications(const struct herald_batch *batch)
{
    static SPIPlanPtr plan;
    TupleDesc columns = herald_rows_shape(&notification_shape);
    Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);

    add_notifications(rows, columns, batch);
    herald_rows_show(NOTIFICATION_ROWS, columns, rows, 1);
    insert(herald_saved_plan(&plan,
                             "insert into herald.notification (" NOTIFICATION ")"
                             " select " NOTIFICATION " from " NOTIFICATION_ROWS,
                             0, NULL),
           NULL);
    herald_rows_hide(NOTIFICATION_ROWS);
    tuplestore_end(rows);
}

static void
put_into_outbox(const struct herald_batch *batch)
{
    static struct herald_leaf_statement put = {
        .sql = "insert into # (" OUTBOX ") select " OUTBOX " from " OUTBOX_ROWS,
    };
    TimestampTz now = GetCurrentTimestamp();
    TupleDesc columns = herald_rows_shape(&outbox_shape);
    Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);

    add_deliveries(rows, columns, batch, false, now);
    herald_rows_show(OUTBOX_ROWS, columns, rows, 1);
    insert(herald_outbox_plan(&put, herald_outbox_leaf(now)), NULL);
    herald_rows_hide(OUTBOX_ROWS);
    tuplestore_end(rows);

    /* Again, as the leaf's trigger stays silent when session_replication_role is replica. */
    herald_doorbell_note();
}

/* Store deliveries that are finished because they are refused, or that wait for send_at. */
static void
put_aside(const struct herald_batch *batch, bool refused)
{
    static SPIPlanPtr plans[2];
    static const char *const sql[2] = {
        "insert into herald.retry (" WAITING ", created_at, expires_at, state, due_at)"
        " select " WAITING ", created_at, expires_at, 'scheduled', $1 from " ASIDE_ROWS,
        "insert into herald.delivery (" COMMON ", created_at, reason, state, attempts, finished_at)"
        " select " COMMON ", created_at, reason, 'suppressed', 0, created_at from " ASIDE_ROWS,
    };
    static const Oid types[] = { TIMESTAMPTZOID };
    Datum values[] = { TimestampTzGetDatum(batch->request->send_at) };
    TupleDesc columns = herald_rows_shape(&aside_shape);
    Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);

    add_deliveries(rows, columns, batch, refused, batch->request->created_at);
    herald_rows_show(ASIDE_ROWS, columns, rows, 1);
    insert(herald_saved_plan(&plans[refused], sql[refused], refused ? 0 : 1, types), values);
    herald_rows_hide(ASIDE_ROWS);
    tuplestore_end(rows);
}

/*
 * Remember which channels of a target wait, and the deliveries of the one that is used: among the
 * given ones, which are the target's, the only channel with an order that is not refused.
 */
static void
put_fallback(const struct herald_batch *batch, const struct herald_delivery *deliveries, int count)
{
    static SPIPlanPtr plan;
    static const Oid types[] = { UUIDOID,      INT4OID,      TEXTOID,        TEXTOID,
                                 TEXTARRAYOID, UUIDARRAYOID, TIMESTAMPTZOID, INT8OID };
    const struct herald_request *request = batch->request;
    const struct herald_target *target = deliveries->target;
    const char *used = NULL;
    Datum names[HERALD_CHANNELS];
    Datum *ids = palloc((size_t) count * sizeof(Datum));
    int waiting = 0;
    int id_count = 0;

    for (int i = 0; i < request->cheapest.count; i++)
    {
        enum herald_channel channel = (enum herald_channel) request->cheapest.channels[i];

        if ((target->waiting & UINT32_C(1) << channel) != 0)
            names[waiting++] = CStringGetTextDatum(herald_channel_names[channel]);
        for (int k = 0; k < count; k++)
        {
            if (deliveries[k].channel != channel || deliveries[k].reason != NULL)
                continue;
            used = herald_channel_names[channel];
            ids[id_count++] = UUIDPGetDatum(&deliveries[k].id);
        }
    }
    insert(herald_saved_plan(
               &plan,
               "insert into herald.fallback (id, bucket, category, channel, channels, deliveries,"
               " since, wait, look_at) values ($1, $2, $3, $4::herald.channel,"
               " $5::herald.channel[], $6, $7, $8 * interval '1 microsecond',"
               " $7 + interval '1 second')",
               lengthof(types), types),
           (Datum[]){
               UUIDPGetDatum(&target->notification), Int32GetDatum(target->bucket),
               PointerGetDatum(request->category), CStringGetTextDatum(used),
               PointerGetDatum(construct_array(names, waiting, TEXTOID, -1, false, TYPALIGN_INT)),
               PointerGetDatum(
                   construct_array(ids, id_count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR)),
               TimestampTzGetDatum(request->scheduled ? request->send_at : request->created_at),
               Int64GetDatum(request->cheapest.wait_us) });
}

static void
put_fallbacks(const struct herald_batch *batch)
{
    int end = 0;

    for (int i = 0; i < batch->target_count; i++)
    {
        int begin = end;

        while (end < batch->count && batch->deliveries[end].target == &batch->targets[i])
            end++;
        if (batch->targets[i].waiting != 0)
            put_fallback(batch, &batch->deliveries[begin], end - begin);
    }
}

void
herald_store(const struct herald_batch *batch)
{
    bool scheduled = batch->request->scheduled;
    int refused = 0;

    for (int i = 0; i < batch->count; i++)
        refused += batch->deliveries[i].reason != NULL;
    store_notifications(batch);
    if (refused < batch->count && scheduled)
        put_aside(batch, false);
    else if (refused < batch->count)
        put_into_outbox(batch);
    if (refused > 0)
        put_aside(batch, true);
    if (batch->request->cheapest.count > 0)
        put_fallbacks(batch);
}
