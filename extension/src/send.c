/*
 * notify_send() and notify_send_many(): from arguments to rows, in the caller's transaction.
 *
 * No subtransaction, no lock that another send waits for (equal idempotency keys aside). All
 * memory is SPI's and gone when the call ends.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "ids.h"
#include "outbox.h"
#include "request.h"
#include "store.h"
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

/* Give every target its id and deliveries. */
static void
plan_batch(struct herald_batch *batch)
{
    int room = 0;

    for (int i = 0; i < batch->target_count; i++)
        room += HERALD_CHANNELS + batch->targets[i].device_count;
    batch->deliveries = palloc((size_t) room * sizeof(*batch->deliveries));
    for (int i = 0; i < batch->target_count; i++)
        batch->count += herald_target_deliveries(batch->request, &batch->targets[i],
                                                 batch->deliveries + batch->count);
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

/*
 * Look up the recipients and store what they get. first_id is for the first recipient; NULL: all
 * get a new one.
 */
static void
send_batch(struct herald_batch *batch, text **recipients, const pg_uuid_t *first_id)
{
    /* One snapshot for all of it, one that sees what this statement has done so far. */
    CommandCounterIncrement();
    PushActiveSnapshot(GetTransactionSnapshot());
    batch->targets = herald_target_load(batch->request, recipients, batch->target_count);
    for (int i = 0; i < batch->target_count; i++)
        batch->targets[i].notification =
            i == 0 && first_id != NULL ? *first_id : herald_new_id(batch->targets[i].bucket);
    plan_batch(batch);
    herald_store(batch);
    PopActiveSnapshot();
}

/* One notification to one recipient; returns its id. */
static pg_uuid_t
send_one(struct herald_request *request, text *recipient, text *key)
{
    pg_uuid_t id =
        herald_new_id((int) herald_bucket(VARDATA_ANY(recipient), VARSIZE_ANY_EXHDR(recipient)));
    struct herald_batch batch = { .request = request, .key = key, .target_count = 1 };

    if (key != NULL && !reserve_key(request, recipient, key, &id))
        return id;
    herald_request_resolve(request);
    send_batch(&batch, &recipient, &id);
    return id;
}

/* Every name in SQL is one of pg_catalog, unless it has a schema. */
static int
begin_send(void)
{
    int level;

    herald_request_check_session();
    level = compat_search_path_push();
    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "could not connect to SPI");
    return level;
}

static void
end_send(int level)
{
    SPI_finish();
    compat_search_path_pop(level);
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
    int level = begin_send();

    recipient = herald_request_text(fcinfo, 1, "recipient", HERALD_RECIPIENT_BYTES,
                                    ERRCODE_PROGRAM_LIMIT_EXCEEDED);
    if (!PG_ARGISNULL(8))
        key = herald_request_text(fcinfo, 8, "idempotency_key", KEY_BYTES,
                                  ERRCODE_INVALID_PARAMETER_VALUE);
    herald_request_take(fcinfo, &positions, &request);
    *ret = send_one(&request, recipient, key);
    end_send(level);
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
    struct herald_batch batch = { .request = &request };
    text **recipients;
    const pg_uuid_t **ids;
    int level;

    InitMaterializedSRF(fcinfo, 0);
    level = begin_send();
    recipients = take_recipients(fcinfo, 1, &batch.target_count);
    herald_request_take(fcinfo, &positions, &request);
    herald_request_resolve(&request);
    send_batch(&batch, recipients, NULL);
    ids = palloc((size_t) batch.target_count * sizeof(*ids));
    for (int i = 0; i < batch.target_count; i++)
        ids[batch.targets[i].place] = &batch.targets[i].notification;
    for (int i = 0; i < batch.target_count; i++)
    {
        Datum values[2] = { PointerGetDatum(recipients[i]), UUIDPGetDatum(ids[i]) };
        bool nulls[2] = { false, false };

        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    end_send(level);
    PG_RETURN_NULL();
}
