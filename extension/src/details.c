/*
 * Details of claimed rows: notification, address, tokens, preference and suppression, as committed
 * now, which is after the rows were locked.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

#include "claim.h"
#include "ids.h"
#include "outbox.h"

/* Columns that become arrays $1, $2, … of the statement for details. */
static const struct
{
    enum claimed_column column;
    Oid array_type;
} arrays[] = {
    { CLAIMED_LEAF, INT4ARRAYOID },
    { CLAIMED_ID, UUIDARRAYOID },
    { CLAIMED_BUCKET, INT4ARRAYOID },
    { CLAIMED_ATTEMPT, INT4ARRAYOID },
    { CLAIMED_FAILURES, INT4ARRAYOID },
    { CLAIMED_NOTIFICATION, UUIDARRAYOID },
    { CLAIMED_RECIPIENT, TEXTARRAYOID },
    { CLAIMED_PRIORITY, TEXTARRAYOID },
    { CLAIMED_CATEGORY, TEXTARRAYOID },
    { CLAIMED_TEMPLATE, TEXTARRAYOID },
    { CLAIMED_CREATED_AT, TIMESTAMPTZARRAYOID },
    { CLAIMED_EXPIRES_AT, TIMESTAMPTZARRAYOID },
    { CLAIMED_TOKENS, JSONARRAYOID },
};

enum
{
    ARRAYS = lengthof(arrays),
    DETAIL_PARAMS = ARRAYS + 4, /* channel, now, lowest and highest id of a notification */
    PLANS_BY_DAY = 2
};

/*
 * "#" is the table of notifications: its one partition, or all of it. Each table is looked up in a
 * subquery of its own (offset 0 keeps it one): as a plain join it might be read as a whole for
 * every row, if it was empty when the plan was made.
 */
static const char details_sql[] =
    "select b.leaf, b.id, b.attempt, b.failures, b.notification, b.recipient, b.priority,"
    " b.category, b.template, n.version, n.locale, n.data, n.attributes, n.timezone,"
    " coalesce(herald.utc_offset(n.timezone, coalesce(n.send_at, n.created_at)), 0),"
    " herald.unix_us(coalesce(n.send_at, n.created_at, b.created_at)),"
    " herald.unix_us(greatest(b.created_at, n.send_at)), herald.unix_us(b.expires_at),"
    " case when n.id is null then 'failed: notification_gone'"
    " when b.expires_at <= $15 then 'expired: expires_at'"
    " when r.id is null then 'suppressed: recipient_gone'"
    " when p.enabled = false and c.mandatory is not true then 'suppressed: opted_out'"
    " when a.address is null and b.tokens is null and $14 <> 'inapp'"
    " then 'suppressed: no_address'"
    " when s.found then 'suppressed: address_suppressed' end,"
    " a.address, b.tokens, coalesce(c.policy, 'at_least_once')::text,"
    " coalesce(c.max_attempts, 12), coalesce(date_part('epoch', c.max_age), 86400)::integer"
    " from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) with ordinality"
    " as b (leaf, id, bucket, attempt, failures, notification, recipient, priority, category,"
    " template, created_at, expires_at, tokens, place)"
    " left join lateral (select n.* from # n where n.id = b.notification"
    " and n.bucket = b.bucket and n.id >= $16 and n.id <= $17 offset 0) as n on true"
    " left join lateral (select r.id, r.email, r.phone from herald.recipient r"
    " where r.id = b.recipient and r.bucket = b.bucket offset 0) as r on true"
    " left join lateral (select c.* from herald.category c where c.name = b.category"
    " offset 0) as c on true"
    " left join lateral (select p.enabled from herald.preference p where p.recipient = b.recipient"
    " and p.category = b.category and p.channel = $14::herald.channel and p.bucket = b.bucket"
    " offset 0) as p on true"
    " cross join lateral (select case when $14 = 'email' then r.email"
    " when $14 in ('sms', 'voice') then r.phone end) as a (address)"
    " left join lateral (select true from herald.suppression s"
    " where a.address is not null and s.recipient = b.recipient"
    " and s.channel = $14::herald.channel and s.bucket = b.bucket"
    " and lower(s.address) = lower(a.address) limit 1) as s (found) on true"
    " order by b.place";

static const char tokens_sql[] =
    "select b.place, t.id, t.issuer, t.token, t.app, t.environment, t.state,"
    " herald.unix_us(t.registered_at) / 1000"
    " from unnest($1, $2, $3) with ordinality as b (device, bucket, recipient, place)"
    " cross join lateral (select t.* from herald.device_token t where t.device = b.device"
    " and t.bucket = b.bucket and t.recipient = b.recipient and t.state in ('active', 'suspect')"
    " offset 0) as t"
    " order by b.place, t.registered_at desc, t.id desc";

/* Names of the members of a token, columns 2 to 8 of the statement. */
static const char *const token_members[] = { "id",          "issuer", "token",        "app",
                                             "environment", "state",  "registered_ms" };

static SPIPlanPtr tokens_plan;
static SPIPlanPtr details_plan;

/* Plans for one partition each: looking into one table is much cheaper than into one of many. */
static struct
{
    Oid table;
    SPIPlanPtr plan;
} by_day[PLANS_BY_DAY];

static int
compare_claimed(const void *a, const void *b)
{
    const struct claimed *left = a;
    const struct claimed *right = b;
    TimestampTz left_at = DatumGetTimestampTz(left->values[CLAIMED_QUEUED_AT]);
    TimestampTz right_at = DatumGetTimestampTz(right->values[CLAIMED_QUEUED_AT]);

    if (left->priority != right->priority)
        return left->priority < right->priority ? -1 : 1;
    if (left_at != right_at)
        return left_at < right_at ? -1 : 1;
    return memcmp(DatumGetUUIDP(left->values[CLAIMED_ID]), DatumGetUUIDP(right->values[CLAIMED_ID]),
                  UUID_LEN);
}

static Datum
column_array(const struct claim *claim, enum claimed_column column, Oid array_type)
{
    Oid type = get_element_type(array_type);
    Datum *values = palloc((size_t) claim->count * sizeof(Datum));
    bool *nulls = palloc((size_t) claim->count * sizeof(bool));
    int dims[1] = { claim->count };
    int lower[1] = { 1 };
    int16 length;
    bool by_value;
    char align;

    for (int i = 0; i < claim->count; i++)
    {
        values[i] = claim->rows[i].values[column];
        nulls[i] = claim->rows[i].nulls[column];
    }
    get_typlenbyvalalign(type, &length, &by_value, &align);
    return PointerGetDatum(
        construct_md_array(values, nulls, 1, dims, lower, type, length, by_value, align));
}

static void
append_token(StringInfo json, HeapTuple row, TupleDesc desc)
{
    appendStringInfoChar(json, json->len == 0 ? '[' : ',');
    for (size_t i = 0; i < lengthof(token_members); i++)
    {
        char *value = SPI_getvalue(row, desc, (int) i + 2);

        appendStringInfo(json, "%c\"%s\":", i == 0 ? '{' : ',', token_members[i]);
        if (value == NULL)
            appendStringInfoString(json, "null");
        else if (i + 1 == lengthof(token_members))
            appendStringInfoString(json, value);
        else
            escape_json(json, value);
    }
    appendStringInfoChar(json, '}');
}

/* Living tokens of the rows' devices, newest first, as a JSON array in column CLAIMED_TOKENS. */
static void
add_tokens(struct claim *claim)
{
    static const Oid params[] = { UUIDARRAYOID, INT4ARRAYOID, TEXTARRAYOID };
    Datum values[] = { column_array(claim, CLAIMED_DEVICE, UUIDARRAYOID),
                       column_array(claim, CLAIMED_BUCKET, INT4ARRAYOID),
                       column_array(claim, CLAIMED_RECIPIENT, TEXTARRAYOID) };
    StringInfoData json;
    int64 place = 0;

    if (SPI_execute_plan(herald_saved_plan(&tokens_plan, tokens_sql, lengthof(params), params),
                         values, NULL, false, 0) != SPI_OK_SELECT)
        elog(ERROR, "could not read device tokens");
    initStringInfo(&json);
    for (uint64 i = 0; i < SPI_processed; i++)
    {
        bool is_null;
        int64 next =
            DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null));
        struct claimed *row = &claim->rows[next - 1];

        if (next != place)
            resetStringInfo(&json);
        place = next;
        append_token(&json, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);

        /* The last token of a row completes it. */
        if (i + 1 < SPI_processed &&
            DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i + 1], SPI_tuptable->tupdesc, 1,
                                        &is_null)) == place)
            continue;
        appendStringInfoChar(&json, ']');
        row->values[CLAIMED_TOKENS] =
            PointerGetDatum(cstring_to_text_with_len(json.data, json.len));
        row->nulls[CLAIMED_TOKENS] = false;
    }
}

static bool
has_devices(const struct claim *claim)
{
    for (int i = 0; i < claim->count; i++)
    {
        if (!claim->rows[i].nulls[CLAIMED_DEVICE])
            return true;
    }
    return false;
}

/* Lowest and highest id of the claimed notifications. */
static void
notification_range(const struct claim *claim, pg_uuid_t **low, pg_uuid_t **high)
{
    *low = *high = DatumGetUUIDP(claim->rows[0].values[CLAIMED_NOTIFICATION]);
    for (int i = 1; i < claim->count; i++)
    {
        pg_uuid_t *id = DatumGetUUIDP(claim->rows[i].values[CLAIMED_NOTIFICATION]);

        if (memcmp(id, *low, UUID_LEN) < 0)
            *low = id;
        if (memcmp(id, *high, UUID_LEN) > 0)
            *high = id;
    }
}

/* The partition that holds all of them; InvalidOid when there is none or more than one. */
static Oid
find_partition(const pg_uuid_t *low, const pg_uuid_t *high, char *name)
{
    int date = (int) (herald_id_time(low) / USECS_PER_DAY);
    int year;
    int month;
    int day;

    if (date != (int) (herald_id_time(high) / USECS_PER_DAY) || date <= 0)
        return InvalidOid;
    j2date(date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
    snprintf(name, NAMEDATALEN, "notification_p%04d%02d%02d", year, month, day);
    return get_relname_relid(name, get_namespace_oid("herald", false));
}

static SPIPlanPtr
prepare_details(SPIPlanPtr *plan, const char *table)
{
    Oid params[DETAIL_PARAMS];
    const char *mark = strchr(details_sql, '#');
    char *sql =
        psprintf("%.*sherald.%s%s", (int) (mark - details_sql), details_sql, table, mark + 1);

    for (int i = 0; i < ARRAYS; i++)
        params[i] = arrays[i].array_type;
    params[ARRAYS] = TEXTOID;
    params[ARRAYS + 1] = TIMESTAMPTZOID;
    params[ARRAYS + 2] = params[ARRAYS + 3] = UUIDOID;
    return herald_saved_plan(plan, sql, DETAIL_PARAMS, params);
}

static SPIPlanPtr
choose_plan(const pg_uuid_t *low, const pg_uuid_t *high)
{
    char name[NAMEDATALEN];
    Oid table = find_partition(low, high, name);
    int slot = (int) (table % PLANS_BY_DAY);

    if (!OidIsValid(table))
        return details_plan != NULL ? details_plan : prepare_details(&details_plan, "notification");
    if (by_day[slot].table == table)
        return by_day[slot].plan;
    if (by_day[slot].plan != NULL)
    {
        by_day[slot].table = InvalidOid;
        SPI_freeplan(by_day[slot].plan);
        by_day[slot].plan = NULL;
    }
    (void) prepare_details(&by_day[slot].plan, name);
    by_day[slot].table = table;
    return by_day[slot].plan;
}

void
herald_return_claimed(struct claim *claim, ReturnSetInfo *result)
{
    Datum values[DETAIL_PARAMS];
    pg_uuid_t *low;
    pg_uuid_t *high;

    qsort(claim->rows, (size_t) claim->count, sizeof(struct claimed), compare_claimed);
    if (has_devices(claim))
        add_tokens(claim);
    for (int i = 0; i < ARRAYS; i++)
        values[i] = column_array(claim, arrays[i].column, arrays[i].array_type);
    notification_range(claim, &low, &high);
    values[ARRAYS] = CStringGetTextDatum(claim->channel_name);
    values[ARRAYS + 1] = TimestampTzGetDatum(claim->now);
    values[ARRAYS + 2] = UUIDPGetDatum(low);
    values[ARRAYS + 3] = UUIDPGetDatum(high);

    if (SPI_execute_plan(choose_plan(low, high), values, NULL, false, 0) != SPI_OK_SELECT)
        elog(ERROR, "could not read the claimed deliveries");
    for (uint64 i = 0; i < SPI_processed; i++)
        tuplestore_puttuple(result->setResult, SPI_tuptable->vals[i]);
}
