/*
 * Details of claimed rows: notification, address, tokens, preference and suppression, as committed
 * now, which is after the rows were locked.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/tstoreReceiver.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/params.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

#include "claim.h"
#include "ids.h"
#include "outbox.h"
#include "rows.h"

/* Columns of "claimed", the rows that the statement for details completes. */
static const struct
{
    enum claimed_column source;
    struct herald_column column;
} given[] = {
    { CLAIMED_LEAF, { "leaf", INT4OID, NULL } },
    { CLAIMED_ID, { "id", UUIDOID, NULL } },
    { CLAIMED_BUCKET, { "bucket", INT4OID, NULL } },
    { CLAIMED_ATTEMPT, { "attempt", INT4OID, NULL } },
    { CLAIMED_FAILURES, { "failures", INT4OID, NULL } },
    { CLAIMED_NOTIFICATION, { "notification", UUIDOID, NULL } },
    { CLAIMED_RECIPIENT, { "recipient", TEXTOID, NULL } },
    { CLAIMED_DEVICE, { "device", UUIDOID, NULL } },
    { CLAIMED_PRIORITY, { "priority", TEXTOID, NULL } },
    { CLAIMED_CATEGORY, { "category", TEXTOID, NULL } },
    { CLAIMED_TEMPLATE, { "template", TEXTOID, NULL } },
    { CLAIMED_CREATED_AT, { "created_at", TIMESTAMPTZOID, NULL } },
    { CLAIMED_EXPIRES_AT, { "expires_at", TIMESTAMPTZOID, NULL } },
    { CLAIMED_TOKENS, { "tokens", JSONOID, NULL } },
    { CLAIMED_POLICY, { "policy", TEXTOID, NULL } },
    { CLAIMED_MAX_ATTEMPTS, { "max_attempts", INT4OID, NULL } },
    { CLAIMED_MAX_AGE_S, { "max_age_s", INT4OID, NULL } },
    { CLAIMED_MANDATORY, { "mandatory", BOOLOID, NULL } },
    { CLAIMED_MAX_SEGMENTS, { "max_segments", INT4OID, NULL } },
    { CLAIMED_TOPICS, { "topics", BOOLOID, NULL } },
};

enum
{
    GIVEN = lengthof(given),
    DETAIL_PARAMS = 4,
    CATEGORY_COLUMNS = 7, /* of the statement: the name, then as claimed columns from the policy */
    PLANS_BY_DAY = 2
};

/*
 * $1 channel, $2 now, $3 and $4 lowest and highest id of a notification. "#" is the table of
 * notifications: its one partition, or all of it. Each table is looked up in a subquery of its own
 * (offset 0 keeps it one): as a plain join it might be read as a whole for every row, if it was
 * empty when the plan was made.
 */
static const char details_sql[] =
    "select b.leaf, b.id, b.attempt, b.failures, b.notification, b.recipient, b.priority,"
    " b.category, b.template, n.version, n.locale, n.data, n.attributes, n.timezone,"
    " coalesce(herald.utc_offset(n.timezone, coalesce(n.send_at, n.created_at)), 0),"
    " herald.unix_us(coalesce(n.send_at, n.created_at, b.created_at)),"
    " herald.unix_us(greatest(b.created_at, n.send_at)), herald.unix_us(b.expires_at),"
    " case when n.id is null then 'failed: notification_gone'"
    " when b.expires_at <= $2 then 'expired: expires_at'"
    " when r.id is null then 'suppressed: recipient_gone'"
    " when p.enabled = false then 'suppressed: opted_out'"
    " when a.address is null and b.tokens is null and $1 <> 'inapp'"
    " then 'suppressed: no_address'"
    " when s.found then 'suppressed: address_suppressed'"
    " when $1 in ('sms', 'voice') and b.attempt = 1"
    " and (select exists (select from herald.phone_limit))"
    " then 'suppressed: phone_limit ' || herald.phone_admit(a.address) end,"
    " a.address, b.tokens, b.policy, b.max_attempts, b.max_age_s, b.max_segments,"
    " b.topics, r.region, k.kind"
    " from claimed b"
    " left join lateral (select n.* from # n where n.id = b.notification"
    " and n.bucket = b.bucket and n.id >= $3 and n.id <= $4 offset 0) as n on true"
    " left join lateral (select r.id, r.email, r.phone, r.region from herald.recipient r"
    " where r.id = b.recipient and r.bucket = b.bucket offset 0) as r on true"
    " left join lateral (select p.enabled from herald.preference p where not b.mandatory"
    " and b.category is not null and p.recipient = b.recipient and p.category = b.category"
    " and p.channel = $1::herald.channel and p.bucket = b.bucket offset 0) as p on true"
    " cross join lateral (select case when $1 = 'email' then r.email"
    " when $1 in ('sms', 'voice') then r.phone end) as a (address)"
    " left join lateral (select true from herald.suppression s"
    " where a.address is not null and s.recipient = b.recipient"
    " and s.channel = $1::herald.channel and s.bucket = b.bucket"
    " and lower(s.address) = lower(a.address) limit 1) as s (found) on true"
    " left join lateral (select d.kind::text from herald.device d where d.id = b.device"
    " and d.bucket = b.bucket and (select exists (select from herald.route o"
    " where o.enabled and o.match ? 'device_kind')) offset 0) as k (kind) on true";

static const char categories_sql[] =
    "select c.name, c.policy::text, c.max_attempts, date_part('epoch', c.max_age)::integer,"
    " c.mandatory, c.max_segments, c.topics from herald.category c where c.name = any ($1)";

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
static SPIPlanPtr categories_plan;
static SPIPlanPtr details_plan;

/* Plans for one partition each: looking into one table is much cheaper than into one of many. */
static struct
{
    Oid table;
    SPIPlanPtr plan;
} by_day[PLANS_BY_DAY];

static bool
is_same_text(Datum left, Datum right)
{
    text *a = DatumGetTextPP(left);
    text *b = DatumGetTextPP(right);

    return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
           memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

static int
compare_claimed(const void *a, const void *b)
{
    const struct claimed *left = a;
    const struct claimed *right = b;
    TimestampTz left_at = DatumGetTimestampTz(left->values[CLAIMED_QUEUED_AT]);
    TimestampTz right_at = DatumGetTimestampTz(right->values[CLAIMED_QUEUED_AT]);

    if (left->priority != right->priority)
        return left->priority < right->priority ? -1 : 1;
    if (left->turn != right->turn)
        return left->turn < right->turn ? -1 : 1;
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
    static const Oid params[DETAIL_PARAMS] = { TEXTOID, TIMESTAMPTZOID, UUIDOID, UUIDOID };
    const char *mark = strchr(details_sql, '#');
    char *sql =
        psprintf("%.*sherald.%s%s", (int) (mark - details_sql), details_sql, table, mark + 1);

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

/* The categories of the claimed rows, each once. */
static ArrayType *
name_categories(const struct claim *claim)
{
    Datum *names = palloc((size_t) claim->count * sizeof(Datum));
    int count = 0;

    for (int i = 0; i < claim->count; i++)
    {
        const struct claimed *row = &claim->rows[i];
        int known = 0;

        if (row->nulls[CLAIMED_CATEGORY])
            continue;
        while (known < count && !is_same_text(names[known], row->values[CLAIMED_CATEGORY]))
            known++;
        if (known == count)
            names[count++] = row->values[CLAIMED_CATEGORY];
    }
    return count == 0 ? NULL : construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT);
}

/* Give the rows of one category, the current row of the SPI result, what it says. */
static void
apply_category(struct claim *claim, HeapTuple tuple, TupleDesc desc)
{
    Datum values[CATEGORY_COLUMNS];
    bool nulls[CATEGORY_COLUMNS];

    heap_deform_tuple(tuple, desc, values, nulls);
    for (int i = 0; i < claim->count; i++)
    {
        struct claimed *row = &claim->rows[i];

        if (row->nulls[CLAIMED_CATEGORY] || !is_same_text(row->values[CLAIMED_CATEGORY], values[0]))
            continue;
        for (int c = 1; c < CATEGORY_COLUMNS; c++)
        {
            if (!nulls[c])
                row->values[CLAIMED_POLICY + c - 1] = values[c];
        }
    }
}

/* What the rows' categories say, and what holds without one. */
static void
add_categories(struct claim *claim)
{
    static const Oid params[] = { TEXTARRAYOID };
    ArrayType *names = name_categories(claim);
    Datum policy = CStringGetTextDatum("at_least_once");
    Datum value = PointerGetDatum(names);

    for (int i = 0; i < claim->count; i++)
    {
        struct claimed *row = &claim->rows[i];

        row->values[CLAIMED_POLICY] = policy;
        row->values[CLAIMED_MAX_ATTEMPTS] = Int32GetDatum(12);
        row->values[CLAIMED_MAX_AGE_S] = Int32GetDatum(86400);
        row->values[CLAIMED_MANDATORY] = BoolGetDatum(false);
        row->values[CLAIMED_MAX_SEGMENTS] = Int32GetDatum(0);
        row->values[CLAIMED_TOPICS] = BoolGetDatum(false);
        memset(&row->nulls[CLAIMED_POLICY], 0, CATEGORY_COLUMNS - 1);
    }
    if (names == NULL)
        return;
    if (SPI_execute_plan(herald_saved_plan(&categories_plan, categories_sql, 1, params), &value,
                         NULL, false, 0) != SPI_OK_SELECT)
        elog(ERROR, "could not read categories");
    for (uint64 i = 0; i < SPI_processed; i++)
        apply_category(claim, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
}

/* Show the claimed rows to the statement for details. */
static void
show_claimed(const struct claim *claim)
{
    struct herald_column columns[GIVEN];
    Tuplestorestate *rows = tuplestore_begin_heap(false, false, work_mem);
    TupleDesc desc;

    for (int c = 0; c < GIVEN; c++)
        columns[c] = given[c].column;
    desc = herald_rows_describe(columns, GIVEN);
    for (int i = 0; i < claim->count; i++)
    {
        Datum values[GIVEN];
        bool nulls[GIVEN];

        for (int c = 0; c < GIVEN; c++)
        {
            values[c] = claim->rows[i].values[given[c].source];
            nulls[c] = claim->rows[i].nulls[given[c].source];
        }
        tuplestore_putvalues(rows, desc, values, nulls);
    }
    herald_rows_show("claimed", desc, rows, claim->count);
}

static void
set_param(ParamListInfo params, int number, Oid type, Datum value)
{
    params->params[number].value = value;
    params->params[number].isnull = false;
    params->params[number].pflags = PARAM_FLAG_CONST;
    params->params[number].ptype = type;
}

void
herald_return_claimed(struct claim *claim, ReturnSetInfo *result)
{
    SPIExecuteOptions options = { 0 };
    pg_uuid_t *low;
    pg_uuid_t *high;

    qsort(claim->rows, (size_t) claim->count, sizeof(struct claimed), compare_claimed);
    if (has_devices(claim))
        add_tokens(claim);
    add_categories(claim);
    show_claimed(claim);
    notification_range(claim, &low, &high);

    options.params = makeParamList(DETAIL_PARAMS);
    set_param(options.params, 0, TEXTOID, CStringGetTextDatum(claim->channel_name));
    set_param(options.params, 1, TIMESTAMPTZOID, TimestampTzGetDatum(claim->now));
    set_param(options.params, 2, UUIDOID, UUIDPGetDatum(low));
    set_param(options.params, 3, UUIDOID, UUIDPGetDatum(high));

    /* Nested loops over the claimed rows keep their order, and the rows go where they belong. */
    options.dest = CreateTuplestoreDestReceiver();
    SetTuplestoreDestReceiverParams(options.dest, result->setResult, CurrentMemoryContext, false,
                                    NULL, NULL);
    if (SPI_execute_plan_extended(choose_plan(low, high), &options) != SPI_OK_SELECT)
        elog(ERROR, "could not read the claimed deliveries");
    options.dest->rDestroy(options.dest);
    herald_rows_hide("claimed");
}
