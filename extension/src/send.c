/*
 * notify_send() and notify_send_many(): from arguments to rows, in the caller's transaction.
 *
 * No subtransaction, no lock that another send waits for (equal idempotency keys aside). All
 * memory is SPI's and gone when the call ends.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"

#include "compat.h"
#include "ids.h"
#include "outbox.h"
#include "request.h"
#include "target.h"

HERALD_FUNCTION(herald_notify_send);
HERALD_FUNCTION(herald_notify_send_many);

enum
{
    KEY_BYTES = 255,
    KEY_TRIES = 3,
    RECIPIENTS_MAX = 1000,
    RECIPIENTS_BYTES = 1048576
};

/* All deliveries of one call. */
struct batch
{
    const struct herald_request *request;
    struct herald_target *targets;
    int target_count;
    struct herald_delivery *deliveries;
    int count;
};

/* Rows of deliveries that do not go into the outbox, by column. */
struct columns
{
    Datum *ids;
    Datum *buckets;
    Datum *notifications;
    Datum *recipients;
    Datum *channels;
    Datum *devices;
    Datum *reasons;
    bool *no_device;
    bool *no_reason;
    int count;
};

static Datum
array_of(Datum *elements, bool *nulls, int count, Oid type)
{
    int dims[1] = { count };
    int lower[1] = { 1 };
    bool is_text = type == TEXTOID || type == JSONBOID;
    int length = type == UUIDOID ? UUID_LEN : (is_text ? -1 : 4);
    char align = type == UUIDOID ? TYPALIGN_CHAR : TYPALIGN_INT;

    return PointerGetDatum(
        construct_md_array(elements, nulls, 1, dims, lower, type, length, type == INT4OID, align));
}

static Datum
sender_name(void)
{
    return CStringGetTextDatum(GetUserNameFromId(GetSessionUserId(), false));
}

static text *
locale_of(const struct herald_request *request, const struct herald_target *target)
{
    if (request->locale != NULL)
        return request->locale;
    return target->locale != NULL ? target->locale : cstring_to_text("");
}

/* The ids of a target's deliveries as uuid[]. */
static ArrayType *
delivery_ids(const struct batch *batch, const struct herald_target *target)
{
    Datum *ids = palloc((size_t) batch->count * sizeof(Datum));
    int count = 0;

    for (int i = 0; i < batch->count; i++)
        if (batch->deliveries[i].target == target)
            ids[count++] = UUIDPGetDatum(&batch->deliveries[i].id);
    return DatumGetArrayTypeP(array_of(ids, NULL, count, UUIDOID));
}

#define NOTIFICATION_INSERT                                                                        \
    "insert into herald.notification (id, bucket, recipient, attributes, locale, timezone,"        \
    " deliveries, template, version, category, priority, data, sender, send_at, expires_at,"       \
    " created_at, idempotency_key) "

enum
{
    NOTIFICATION_OWN = 7, /* columns that differ by target; the others come from the request */
    NOTIFICATION_COLUMNS = 17
};

/* Columns of the request, behind those of the targets. */
static void
request_values(const struct herald_request *request, text *key, Datum *values, char *nulls)
{
    values[7] = PointerGetDatum(request->template_name);
    values[8] = Int32GetDatum(request->version);
    values[9] = PointerGetDatum(request->category);
    values[10] = CStringGetTextDatum(request->priority);
    values[11] = JsonbPGetDatum(request->data);
    values[12] = sender_name();
    values[13] = TimestampTzGetDatum(request->send_at);
    values[14] = TimestampTzGetDatum(request->expires_at);
    values[15] = TimestampTzGetDatum(request->created_at);
    values[16] = PointerGetDatum(key);
    memset(nulls, ' ', NOTIFICATION_COLUMNS);
    nulls[9] = request->category == NULL ? 'n' : ' ';
    nulls[13] = request->scheduled ? ' ' : 'n';
    nulls[14] = request->expires ? ' ' : 'n';
    nulls[16] = key == NULL ? 'n' : ' ';
}

static void
insert(SPIPlanPtr *plan, const char *sql, int count, const Oid *types, Datum *values,
       const char *nulls)
{
    herald_saved_plan(plan, sql, count, types);
    if (SPI_execute_plan(*plan, values, nulls, false, 0) != SPI_OK_INSERT)
        elog(ERROR, "could not store a notification");
}

static void
store_notification(const struct batch *batch, text *key)
{
    static SPIPlanPtr plan;
    static const Oid types[NOTIFICATION_COLUMNS] = {
        UUIDOID,      INT4OID,        TEXTOID,        JSONBOID,       TEXTOID, TEXTOID,
        UUIDARRAYOID, TEXTOID,        INT4OID,        TEXTOID,        TEXTOID, JSONBOID,
        TEXTOID,      TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID,
    };
    const struct herald_target *target = &batch->targets[0];
    Datum values[NOTIFICATION_COLUMNS];
    char nulls[NOTIFICATION_COLUMNS];

    request_values(batch->request, key, values, nulls);
    values[0] = UUIDPGetDatum(&target->notification);
    values[1] = Int32GetDatum(target->bucket);
    values[2] = PointerGetDatum(target->recipient);
    values[3] = JsonbPGetDatum(target->attributes);
    values[4] = PointerGetDatum(locale_of(batch->request, target));
    values[5] = PointerGetDatum(target->timezone);
    values[6] = PointerGetDatum(delivery_ids(batch, target));
    nulls[3] = target->attributes == NULL ? 'n' : ' ';
    nulls[5] = target->timezone == NULL ? 'n' : ' ';
    insert(&plan,
           NOTIFICATION_INSERT "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,"
                               " $11::herald.priority, $12, $13, $14, $15, $16, $17)",
           NOTIFICATION_COLUMNS, types, values, nulls);
}

static void
store_notifications(const struct batch *batch)
{
    static SPIPlanPtr plan;
    static const Oid types[NOTIFICATION_COLUMNS] = {
        UUIDARRAYOID, INT4ARRAYOID,   TEXTARRAYOID,   JSONBARRAYOID,  TEXTARRAYOID, TEXTARRAYOID,
        TEXTARRAYOID, TEXTOID,        INT4OID,        TEXTOID,        TEXTOID,      JSONBOID,
        TEXTOID,      TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID,
    };
    static const Oid elements[NOTIFICATION_OWN] = { UUIDOID, INT4OID, TEXTOID, JSONBOID,
                                                    TEXTOID, TEXTOID, TEXTOID };
    Datum values[NOTIFICATION_COLUMNS];
    char nulls[NOTIFICATION_COLUMNS];
    Datum *own[NOTIFICATION_OWN];
    bool *own_nulls[NOTIFICATION_OWN];
    FmgrInfo array_out_info;

    fmgr_info(F_ARRAY_OUT, &array_out_info);
    for (int c = 0; c < NOTIFICATION_OWN; c++)
    {
        own[c] = palloc0((size_t) batch->target_count * sizeof(Datum));
        own_nulls[c] = palloc0((size_t) batch->target_count * sizeof(bool));
    }
    for (int i = 0; i < batch->target_count; i++)
    {
        const struct herald_target *target = &batch->targets[i];
        ArrayType *ids = delivery_ids(batch, target);

        own[0][i] = UUIDPGetDatum(&target->notification);
        own[1][i] = Int32GetDatum(target->bucket);
        own[2][i] = PointerGetDatum(target->recipient);
        own[3][i] = JsonbPGetDatum(target->attributes);
        own_nulls[3][i] = target->attributes == NULL;
        own[4][i] = PointerGetDatum(locale_of(batch->request, target));
        own[5][i] = PointerGetDatum(target->timezone);
        own_nulls[5][i] = target->timezone == NULL;
        own[6][i] = CStringGetTextDatum(OutputFunctionCall(&array_out_info, PointerGetDatum(ids)));
    }
    request_values(batch->request, NULL, values, nulls);
    for (int c = 0; c < NOTIFICATION_OWN; c++)
        values[c] = array_of(own[c], own_nulls[c], batch->target_count, elements[c]);
    insert(&plan,
           NOTIFICATION_INSERT "select u.id, u.bucket, u.recipient, u.attributes, u.locale,"
                               " u.timezone, u.deliveries::uuid[], $8, $9, $10,"
                               " $11::herald.priority, $12, $13, $14, $15, $16, $17"
                               " from unnest($1, $2, $3, $4, $5, $6, $7) u (id, bucket, recipient,"
                               " attributes, locale, timezone, deliveries)",
           NOTIFICATION_COLUMNS, types, values, nulls);
}

static void
put_into_outbox(const struct batch *batch)
{
    const struct herald_request *request = batch->request;
    struct herald_outbox_row *rows = palloc0((size_t) batch->count * sizeof(*rows));
    int count = 0;

    for (int i = 0; i < batch->count; i++)
    {
        const struct herald_delivery *delivery = &batch->deliveries[i];

        if (delivery->reason != NULL)
            continue;
        rows[count++] = (struct herald_outbox_row){
            .id = delivery->id,
            .bucket = delivery->target->bucket,
            .notification = delivery->target->notification,
            .recipient = delivery->target->recipient,
            .channel = herald_channel_names[delivery->channel],
            .priority = request->priority,
            .device = delivery->device,
            .category = request->category,
            .template_name = request->template_name,
            .created_at = request->created_at,
            .expires = request->expires,
            .expires_at = request->expires_at,
        };
    }
    if (count == 1)
        herald_outbox_put(&rows[0]);
    else if (count > 1)
        herald_outbox_put_many(rows, count);
}

/* Gather the deliveries that are refused, or those that are not. */
static struct columns
gather(const struct batch *batch, bool refused)
{
    size_t size = (size_t) batch->count * sizeof(Datum);
    struct columns columns = {
        .ids = palloc0(size),
        .buckets = palloc0(size),
        .notifications = palloc0(size),
        .recipients = palloc0(size),
        .channels = palloc0(size),
        .devices = palloc0(size),
        .reasons = palloc0(size),
        .no_device = palloc0(size),
        .no_reason = palloc0(size),
    };

    for (int i = 0; i < batch->count; i++)
    {
        const struct herald_delivery *delivery = &batch->deliveries[i];
        int at = columns.count;

        if ((delivery->reason != NULL) != refused)
            continue;
        columns.ids[at] = UUIDPGetDatum(&delivery->id);
        columns.buckets[at] = Int32GetDatum(delivery->target->bucket);
        columns.notifications[at] = UUIDPGetDatum(&delivery->target->notification);
        columns.recipients[at] = PointerGetDatum(delivery->target->recipient);
        columns.channels[at] = CStringGetTextDatum(herald_channel_names[delivery->channel]);
        columns.devices[at] = UUIDPGetDatum(delivery->device);
        columns.no_device[at] = delivery->device == NULL;
        columns.no_reason[at] = delivery->reason == NULL;
        if (delivery->reason != NULL)
            columns.reasons[at] = CStringGetTextDatum(delivery->reason);
        columns.count++;
    }
    return columns;
}

enum
{
    ASIDE_COLUMNS = 13
};

#define ASIDE_SOURCE                                                                               \
    " from unnest($1, $2, $3, $4, $5, $6, $7)"                                                     \
    " u (id, bucket, notification, recipient, channel, device, reason)"

/* Store deliveries that are finished because they are refused, or that wait for send_at. */
static void
put_aside(const struct batch *batch, bool refused)
{
    static SPIPlanPtr plans[2];
    static const char *const sql[2] = {
        "insert into herald.retry (id, bucket, notification, recipient, channel, device, reason,"
        " priority, category, template, created_at, expires_at, due_at, state)"
        " select u.id, u.bucket, u.notification, u.recipient, u.channel::herald.channel, u.device,"
        " u.reason, $8::herald.priority, $9, $10, $11, $12, $13, 'scheduled'" ASIDE_SOURCE,
        "insert into herald.delivery (id, bucket, notification, recipient, channel, device, reason,"
        " priority, category, template, created_at, finished_at, attempts, state)"
        " select u.id, u.bucket, u.notification, u.recipient, u.channel::herald.channel, u.device,"
        " u.reason, $8::herald.priority, $9, $10, $11, $11, 0, 'suppressed'" ASIDE_SOURCE,
    };
    static const Oid types[ASIDE_COLUMNS] = {
        UUIDARRAYOID,   INT4ARRAYOID,   UUIDARRAYOID,   TEXTARRAYOID, TEXTARRAYOID,
        UUIDARRAYOID,   TEXTARRAYOID,   TEXTOID,        TEXTOID,      TEXTOID,
        TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
    };
    const struct herald_request *request = batch->request;
    struct columns rows = gather(batch, refused);
    Datum values[ASIDE_COLUMNS];
    char nulls[ASIDE_COLUMNS];

    if (rows.count == 0)
        return;
    values[0] = array_of(rows.ids, NULL, rows.count, UUIDOID);
    values[1] = array_of(rows.buckets, NULL, rows.count, INT4OID);
    values[2] = array_of(rows.notifications, NULL, rows.count, UUIDOID);
    values[3] = array_of(rows.recipients, NULL, rows.count, TEXTOID);
    values[4] = array_of(rows.channels, NULL, rows.count, TEXTOID);
    values[5] = array_of(rows.devices, rows.no_device, rows.count, UUIDOID);
    values[6] = array_of(rows.reasons, rows.no_reason, rows.count, TEXTOID);
    values[7] = CStringGetTextDatum(request->priority);
    values[8] = PointerGetDatum(request->category);
    values[9] = PointerGetDatum(request->template_name);
    values[10] = TimestampTzGetDatum(request->created_at);
    values[11] = TimestampTzGetDatum(request->expires_at);
    values[12] = TimestampTzGetDatum(request->send_at);
    memset(nulls, ' ', sizeof(nulls));
    nulls[8] = request->category == NULL ? 'n' : ' ';
    nulls[11] = request->expires ? ' ' : 'n';
    nulls[12] = request->scheduled ? ' ' : 'n';
    insert(&plans[refused], sql[refused], ASIDE_COLUMNS, types, values, nulls);
}

/* Give every target its id and deliveries. */
static void
plan_batch(struct batch *batch)
{
    int room = 0;

    for (int i = 0; i < batch->target_count; i++)
        room += HERALD_CHANNELS + batch->targets[i].device_count;
    batch->deliveries = palloc((size_t) room * sizeof(*batch->deliveries));
    for (int i = 0; i < batch->target_count; i++)
    {
        int count;
        struct herald_delivery *own =
            herald_target_deliveries(batch->request, &batch->targets[i], &count);

        memcpy(batch->deliveries + batch->count, own, (size_t) count * sizeof(*own));
        batch->count += count;
        pfree(own);
    }
}

static void
store_deliveries(const struct batch *batch)
{
    if (batch->request->scheduled)
        put_aside(batch, false);
    else
        put_into_outbox(batch);
    put_aside(batch, true);
}

static void
refuse_other_content(text *key)
{
    ereport(ERROR, errcode(ERRCODE_UNIQUE_VIOLATION),
            errmsg("idempotency key \"%s\" was used with different content", text_to_cstring(key)),
            errhint("Repeat a send with the same arguments, or choose a new key."));
}

/*
 * Reserve an idempotency key for the id. False when a committed (or this) transaction has used it:
 * then *id becomes the id of that time. Waits for a transaction that is using it now.
 */
static bool
reserve_key(const struct herald_request *request, text *recipient, text *key, pg_uuid_t *id)
{
    static SPIPlanPtr reserve;
    static SPIPlanPtr look;
    static const Oid types[] = { TEXTOID, TEXTOID, INT4OID, UUIDOID, BYTEAOID };
    bytea *hash = palloc(VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
    Datum values[5] = { PointerGetDatum(recipient), PointerGetDatum(key),
                        Int32GetDatum(herald_id_bucket(id)), UUIDPGetDatum(id),
                        PointerGetDatum(hash) };

    SET_VARSIZE(hash, VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
    herald_request_hash(request, (uint8 *) VARDATA(hash));
    herald_saved_plan(&reserve,
                      "insert into herald.idempotency (recipient, key, bucket, id, content_hash)"
                      " values ($1, $2, $3, $4, $5) on conflict do nothing",
                      5, types);
    herald_saved_plan(&look,
                      "select i.id, i.content_hash = $5 from herald.idempotency i"
                      " where i.recipient = $1 and i.key = $2 and i.bucket = $3",
                      5, types);
    for (int i = 0; i < KEY_TRIES; i++)
    {
        bool is_null;

        if (SPI_execute_plan(reserve, values, NULL, false, 0) != SPI_OK_INSERT)
            elog(ERROR, "could not store an idempotency key");
        if (SPI_processed == 1)
            return true;
        if (SPI_execute_plan(look, values, NULL, false, 1) != SPI_OK_SELECT)
            elog(ERROR, "could not look up an idempotency key");
        /* Between the two statements the retention may have dropped it. */
        if (SPI_processed == 0)
            continue;
        if (!DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &is_null)))
            refuse_other_content(key);
        *id = *DatumGetUUIDP(
            SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
        return false;
    }
    ereport(ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
            errmsg("idempotency key \"%s\" changes concurrently", text_to_cstring(key)),
            errhint("Repeat the transaction."));
    return false;
}

/* One notification to one recipient; returns its id. */
static pg_uuid_t
send_one(struct herald_request *request, text *recipient, text *key)
{
    pg_uuid_t id =
        herald_new_id((int) herald_bucket(VARDATA_ANY(recipient), VARSIZE_ANY_EXHDR(recipient)));
    struct batch batch = { .request = request, .target_count = 1 };

    if (key != NULL && !reserve_key(request, recipient, key, &id))
        return id;
    herald_request_resolve(request);
    batch.targets = herald_target_load(request, &recipient, 1);
    batch.targets[0].notification = id;
    plan_batch(&batch);
    store_notification(&batch, key);
    store_deliveries(&batch);
    return id;
}

Datum
herald_notify_send(PG_FUNCTION_ARGS)
{
    static const struct herald_positions positions = { .template_name = 0,
                                                       .data = 2,
                                                       .channels = 3,
                                                       .category = 4,
                                                       .priority = 5,
                                                       .send_at = 6,
                                                       .expires_at = 7,
                                                       .locale = 9 };
    struct herald_request request;
    pg_uuid_t *ret = palloc(sizeof(*ret));
    text *recipient;
    text *key = NULL;

    herald_request_check_session();
    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "could not connect to SPI");
    recipient = herald_request_text(fcinfo, 1, "recipient", HERALD_RECIPIENT_BYTES,
                                    ERRCODE_PROGRAM_LIMIT_EXCEEDED);
    if (!PG_ARGISNULL(8))
        key = herald_request_text(fcinfo, 8, "idempotency_key", KEY_BYTES,
                                  ERRCODE_INVALID_PARAMETER_VALUE);
    herald_request_take(fcinfo, &positions, &request);
    *ret = send_one(&request, recipient, key);
    SPI_finish();
    PG_RETURN_UUID_P(ret);
}

/* The recipients of an array, each once, in the order of their first mention. */
static text **
take_recipients(FunctionCallInfo fcinfo, int position, int *ret_count)
{
    HASHCTL control = { .keysize = HERALD_RECIPIENT_BYTES + 1,
                        .entrysize = HERALD_RECIPIENT_BYTES + 1,
                        .hcxt = CurrentMemoryContext };
    HTAB *seen = hash_create("herald recipients", RECIPIENTS_MAX, &control,
                             HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
    text **recipients;
    Datum *elements;
    bool *nulls;
    int count;

    if (PG_ARGISNULL(position))
        ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                errmsg("recipients must not be null"));
    if (toast_raw_datum_size(PG_GETARG_DATUM(position)) > RECIPIENTS_BYTES)
        ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                errmsg("recipients is larger than %d bytes", RECIPIENTS_BYTES));
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(position), TEXTOID, -1, false, TYPALIGN_INT, &elements,
                      &nulls, &count);
    if (count == 0)
        ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                errmsg("recipients must not be empty"));
    if (count > RECIPIENTS_MAX)
        ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                errmsg("recipients has more than %d elements", RECIPIENTS_MAX),
                errdetail("It has %d.", count), errhint("Call notify_send_many() several times."));

    recipients = palloc((size_t) count * sizeof(*recipients));
    *ret_count = 0;
    for (int i = 0; i < count; i++)
    {
        text *recipient = nulls[i] ? NULL : DatumGetTextPP(elements[i]);
        bool found;

        if (recipient == NULL)
            ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                    errmsg("recipients must not contain null"));
        if (VARSIZE_ANY_EXHDR(recipient) > HERALD_RECIPIENT_BYTES)
            ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("recipient is longer than %d bytes", HERALD_RECIPIENT_BYTES));
        herald_request_check_text("recipient", recipient);
        (void) hash_search(seen, text_to_cstring(recipient), HASH_ENTER, &found);
        if (!found)
            recipients[(*ret_count)++] = recipient;
    }
    return recipients;
}

Datum
herald_notify_send_many(PG_FUNCTION_ARGS)
{
    static const struct herald_positions positions = { .template_name = 0,
                                                       .data = 2,
                                                       .channels = 3,
                                                       .category = 4,
                                                       .priority = 5,
                                                       .send_at = 6,
                                                       .expires_at = 7,
                                                       .locale = 8 };
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    struct herald_request request;
    struct batch batch = { .request = &request };
    text **recipients;

    herald_request_check_session();
    InitMaterializedSRF(fcinfo, 0);
    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "could not connect to SPI");
    recipients = take_recipients(fcinfo, 1, &batch.target_count);
    herald_request_take(fcinfo, &positions, &request);
    herald_request_resolve(&request);
    batch.targets = herald_target_load(&request, recipients, batch.target_count);
    for (int i = 0; i < batch.target_count; i++)
        batch.targets[i].notification = herald_new_id(batch.targets[i].bucket);
    plan_batch(&batch);
    store_notifications(&batch);
    store_deliveries(&batch);
    for (int i = 0; i < batch.target_count; i++)
    {
        Datum values[2] = { PointerGetDatum(batch.targets[i].recipient),
                            UUIDPGetDatum(&batch.targets[i].notification) };
        bool nulls[2] = { false, false };

        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    SPI_finish();
    PG_RETURN_NULL();
}
