/*
 * Claiming: herald.claim() takes waiting deliveries for a dispatcher and returns what rendering
 * needs.
 *
 * A claim goes through priorities and, inside, through leaves. So that it does not walk over the
 * dead entries that a queue leaves behind while some old snapshot keeps them, each (channel,
 * priority, leaf) has a lower bound on queued_at. The bound is only a hint: it stays a second
 * behind the clock, and each one is ignored once a second (a sweep), for rows that were committed
 * late or given back. A claim that finds nothing sweeps at once if sweeping is cheap, because
 * its caller will go to sleep.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "clock.h"
#include "compat.h"
#include "doorbell.h"
#include "ids.h"
#include "outbox.h"

#define SWEEP_US INT64CONST(1000000)
#define CHEAP_SWEEP_US INT64CONST(2000)
#define BOUND_LAG_US INT64CONST(1000000)

enum
{
    CHANNELS = 7,
    PRIORITIES = 4,
    CLAIM_MAX = 10000,
    SWEEP_SHARE = 10, /* extra sweeps that are not cheap take at most a tenth of the time */
    DETAIL_ARRAYS = 14
};

static const char *const channels[CHANNELS] = { "push", "sms",     "email", "voice",
                                                "chat", "webhook", "inapp" };
static const char *const priorities[PRIORITIES] = { "urgent", "high", "normal", "bulk" };

/* What this session knows about one channel, priority and leaf. */
struct lane
{
    TimestampTz bound; /* nothing was left below, when last looked */
    int64 swept_us;    /* monotonic time of the last look below the bound; 0: never */
    bool more;         /* the last look ended because it had enough */
};

static struct
{
    struct lane lanes[CHANNELS][PRIORITIES][HERALD_OUTBOX_LEAVES];
    int64 sweep_end_us[CHANNELS];      /* of the last extra sweep, monotonic */
    int64 sweep_costs_us[CHANNELS][2]; /* of the last two */
    TimestampTz last_now;
    int64 epoch;   /* known to be alive */
    uint32 filter; /* hash of the bucket filter the lanes were made with */
} session;

/* One claim under way. */
struct claim
{
    int64 epoch;
    int channel;
    int wanted;
    bool filtered;
    Datum buckets;
    TimestampTz now;
    int64 now_us;

    int count;
    Datum *columns[DETAIL_ARRAYS];
    bool *nulls[DETAIL_ARRAYS];
};

static struct herald_leaf_statement probe = {
    .sql = "select o.queued_at from # o"
           " where o.epoch is null and o.channel = $1::herald.channel"
           " and o.priority = $2::herald.priority and o.queued_at >= $3"
           " order by o.queued_at, o.id limit 1",
    .param_count = 3,
    .params = { TEXTOID, TEXTOID, TIMESTAMPTZOID },
};

/* The join by ctid meets the row versions that were locked just before and no others. */
static struct herald_leaf_statement take = {
    .sql = "with picked as materialized ("
           "select o.ctid as place from # o"
           " where o.epoch is null and o.channel = $2::herald.channel"
           " and o.priority = $3::herald.priority and o.queued_at >= $4"
           " and ($6 is null or o.bucket = any ($6))"
           " order by o.queued_at, o.id limit $5 for update skip locked)"
           " update # o set epoch = $1, attempt = o.attempt + 1, claimed_at = $7"
           " from picked where o.ctid = picked.place"
           " returning o.id, o.bucket, o.attempt, o.failures, o.notification, o.recipient,"
           " o.device, o.category, o.template, o.queued_at, o.created_at, o.expires_at",
    .param_count = 7,
    .params = { INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID, INT8OID, INT4ARRAYOID, TIMESTAMPTZOID },
};

enum
{
    TAKEN_COLUMNS = 12,
    TAKEN_NOTIFICATION = 4,
    TAKEN_QUEUED_AT = 9
};

/* Arrays: the columns taken, then leaf and priority. */
static const Oid detail_types[DETAIL_ARRAYS] = {
    UUIDARRAYOID,        INT4ARRAYOID,        INT4ARRAYOID, INT4ARRAYOID, UUIDARRAYOID,
    TEXTARRAYOID,        UUIDARRAYOID,        TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID,
    TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, INT4ARRAYOID, TEXTARRAYOID,
};

/* A snapshot of its own, later than the locks: what was committed before the claim counts. */
static const char details_sql[] =
    "select b.leaf, b.id, b.attempt, b.failures, b.notification, b.recipient, b.priority,"
    " b.category, b.template, n.version, n.locale, n.data, n.attributes, n.timezone,"
    " coalesce(herald.utc_offset(n.timezone, coalesce(n.send_at, n.created_at)), 0),"
    " herald.unix_us(coalesce(n.send_at, n.created_at, b.created_at)),"
    " herald.unix_us(greatest(b.created_at, n.send_at)), herald.unix_us(b.expires_at),"
    " case when n.id is null then 'failed: notification_gone'"
    " when b.expires_at <= $16 then 'expired: expires_at'"
    " when r.id is null then 'suppressed: recipient_gone'"
    " when p.enabled = false and c.mandatory is not true then 'suppressed: opted_out'"
    " when a.address is null and t.tokens is null and $15 <> 'inapp'"
    " then 'suppressed: no_address'"
    " when s.found then 'suppressed: address_suppressed' end,"
    " a.address, t.tokens, coalesce(c.policy, 'at_least_once')::text,"
    " coalesce(c.max_attempts, 12),"
    " coalesce(extract(epoch from c.max_age), 86400)::integer"
    " from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
    " as b (id, bucket, attempt, failures, notification, recipient, device, category, template,"
    " queued_at, created_at, expires_at, leaf, priority)"
    " left join lateral (select n.* from herald.notification n where n.id = b.notification"
    " and n.bucket = b.bucket and n.id >= $17 and n.id <= $18 limit 1) as n on true"
    " left join herald.recipient r on r.id = b.recipient and r.bucket = b.bucket"
    " left join herald.category c on c.name = b.category"
    " left join herald.preference p on p.recipient = b.recipient and p.category = b.category"
    " and p.channel = $15::herald.channel and p.bucket = b.bucket"
    " cross join lateral (select case when $15 = 'email' then r.email"
    " when $15 in ('sms', 'voice') then r.phone end) as a (address)"
    " left join lateral (select true from herald.suppression s"
    " where s.recipient = b.recipient and s.channel = $15::herald.channel"
    " and s.bucket = b.bucket and lower(s.address) = lower(a.address) limit 1) as s (found)"
    " on true"
    " left join lateral (select jsonb_agg(jsonb_build_object('id', t.id, 'issuer', t.issuer,"
    " 'token', t.token, 'app', t.app, 'environment', t.environment,"
    " 'state', t.state,"
    " 'registered_ms', herald.unix_us(t.registered_at) / 1000)"
    " order by t.registered_at desc, t.id desc) from herald.device_token t"
    " where t.device = b.device and t.bucket = b.bucket and t.recipient = b.recipient"
    " and t.state in ('active', 'suspect')) as t (tokens) on true"
    " order by b.priority::herald.priority, b.queued_at, b.id";

static SPIPlanPtr details_plan;
static SPIPlanPtr alive_plan;

HERALD_FUNCTION(herald_claim);

static int
channel_number(const char *name)
{
    for (int i = 0; i < CHANNELS; i++)
    {
        if (strcmp(channels[i], name) == 0)
            return i;
    }
    ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
            errmsg("unknown channel \"%.64s\"", name));
}

/*
 * Claims are only for sessions that hold their epoch's lock: this lock is what tells the others
 * that the dispatcher lives. An epoch that was found alive while the lock is held stays alive.
 */
static void
check_epoch(int64 epoch)
{
    static const Oid params[] = { INT8OID };
    LOCKTAG tag;
    Datum value = Int64GetDatum(epoch);

    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, HERALD_LOCK_CLASS, (uint32) epoch, 2);
    if (!compat_lock_held(&tag, ShareLock))
        ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                errmsg("this session has not joined epoch " INT64_FORMAT, epoch),
                errhint("Call herald.dispatcher_join() first. Dispatchers need a session of their "
                        "own; a pool that shares sessions between transactions does not do."));
    if (session.epoch == epoch)
        return;
    if (SPI_execute_plan(herald_saved_plan(&alive_plan,
                                           "select from herald.dispatcher"
                                           " where epoch = $1 and gone_at is null",
                                           1, params),
                         &value, NULL, false, 1) != SPI_OK_SELECT ||
        SPI_processed == 0)
        ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                errmsg("epoch " INT64_FORMAT " is gone", epoch),
                errhint("Start a new one with herald.dispatcher_start()."));
    session.epoch = epoch;
}

static bool
is_leaf_empty(int leaf)
{
    char name[NAMEDATALEN];
    Relation relation;
    bool empty;

    snprintf(name, sizeof(name), "outbox_%d", leaf);
    relation =
        table_open(get_relname_relid(name, get_namespace_oid("herald", false)), AccessShareLock);
    empty = RelationGetNumberOfBlocks(relation) == 0;
    table_close(relation, AccessShareLock);
    return empty;
}

/* Time of the first waiting row of a lane from the bound on; false: there is none. */
static bool
find_first(const struct claim *claim, int priority, int leaf, TimestampTz *bound)
{
    Datum values[] = { CStringGetTextDatum(channels[claim->channel]),
                       CStringGetTextDatum(priorities[priority]), TimestampTzGetDatum(*bound) };
    bool is_null;

    if (SPI_execute_plan(herald_outbox_plan(&probe, leaf), values, NULL, true, 1) != SPI_OK_SELECT)
        elog(ERROR, "could not look into the outbox");
    if (SPI_processed == 0)
        return false;
    *bound = DatumGetTimestampTz(
        SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
    return true;
}

/* Add what the statement returned; returns the latest queued_at among it. */
static TimestampTz
collect(struct claim *claim, int priority, int leaf)
{
    TimestampTz latest = DT_NOBEGIN;

    for (uint64 i = 0; i < SPI_processed; i++)
    {
        int at = claim->count++;
        TimestampTz queued_at;

        for (int c = 0; c < TAKEN_COLUMNS; c++)
            claim->columns[c][at] = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
                                                  c + 1, &claim->nulls[c][at]);
        claim->columns[TAKEN_COLUMNS][at] = Int32GetDatum(leaf);
        claim->columns[TAKEN_COLUMNS + 1][at] = CStringGetTextDatum(priorities[priority]);
        queued_at = DatumGetTimestampTz(claim->columns[TAKEN_QUEUED_AT][at]);
        latest = Max(latest, queued_at);
    }
    return latest;
}

/* Take what is left to take from one lane; returns whether there may be more. */
static bool
take_rows(struct claim *claim, int priority, int leaf, TimestampTz *bound)
{
    int limit = claim->wanted - claim->count;
    Datum values[] = { Int64GetDatum(claim->epoch),
                       CStringGetTextDatum(channels[claim->channel]),
                       CStringGetTextDatum(priorities[priority]),
                       TimestampTzGetDatum(*bound),
                       Int64GetDatum(limit),
                       claim->buckets,
                       TimestampTzGetDatum(claim->now) };
    const char nulls[] = { ' ', ' ', ' ', ' ', ' ', claim->filtered ? ' ' : 'n', ' ', '\0' };
    TimestampTz latest;

    if (SPI_execute_plan(herald_outbox_plan(&take, leaf), values, nulls, false, 0) !=
        SPI_OK_UPDATE_RETURNING)
        elog(ERROR, "could not claim from the outbox");
    if (SPI_processed < (uint64) limit)
    {
        (void) collect(claim, priority, leaf);
        return false;
    }
    latest = collect(claim, priority, leaf);
    *bound = Min(latest, claim->now - BOUND_LAG_US);
    return true;
}

/* Rows that entered since the last look are in the leaves that senders wrote in the meantime. */
static bool
is_fresh(const struct claim *claim, int leaf)
{
    return leaf == herald_outbox_leaf(claim->now) ||
           leaf == herald_outbox_leaf(claim->now - BOUND_LAG_US - SWEEP_US);
}

static void
visit(struct claim *claim, int priority, int leaf, bool sweeps)
{
    struct lane *lane = &session.lanes[claim->channel][priority][leaf];
    TimestampTz bound;

    sweeps = sweeps || lane->swept_us == 0 || claim->now_us - lane->swept_us >= SWEEP_US;
    if (!sweeps && !lane->more && !is_fresh(claim, leaf))
        return;

    bound = sweeps ? DT_NOBEGIN : lane->bound;
    if (lane->more || find_first(claim, priority, leaf, &bound))
        lane->more = take_rows(claim, priority, leaf, &bound);
    lane->bound = lane->more ? bound : claim->now - BOUND_LAG_US;
    if (sweeps)
        lane->swept_us = claim->now_us;
}

/* Priorities outside, leaves inside, the one that was written longest ago first. */
static void
pass(struct claim *claim, const bool *empty, bool sweeps)
{
    int current = herald_outbox_leaf(claim->now);

    for (int priority = 0; priority < PRIORITIES; priority++)
    {
        for (int i = 1; i <= HERALD_OUTBOX_LEAVES; i++)
        {
            int leaf = (current + i) % HERALD_OUTBOX_LEAVES;

            if (claim->count == claim->wanted)
                return;
            if (!empty[leaf])
                visit(claim, priority, leaf, sweeps);
        }
    }
}

/* Before the caller goes to sleep: look below the bounds too, unless that is dear. */
static void
sweep(struct claim *claim, const bool *empty)
{
    int64 *end_us = &session.sweep_end_us[claim->channel];
    int64 *costs_us = session.sweep_costs_us[claim->channel];

    /* The lower one of two: a single one may have had to plan. */
    int64 cost_us = Min(costs_us[0], costs_us[1]);

    if (cost_us > CHEAP_SWEEP_US && claim->now_us - *end_us < cost_us * SWEEP_SHARE)
        return;
    pass(claim, empty, true);
    *end_us = herald_monotonic_us();
    costs_us[1] = costs_us[0];
    costs_us[0] = *end_us - claim->now_us;
}

static void
take_all(struct claim *claim)
{
    bool empty[HERALD_OUTBOX_LEAVES];

    for (int leaf = 0; leaf < HERALD_OUTBOX_LEAVES; leaf++)
        empty[leaf] = is_leaf_empty(leaf);
    pass(claim, empty, false);
    if (claim->count == 0)
        sweep(claim, empty);
}

static Datum
column_array(const struct claim *claim, int column)
{
    Oid type = get_element_type(detail_types[column]);
    int dims[1] = { claim->count };
    int lower[1] = { 1 };
    int16 length;
    bool by_value;
    char align;

    get_typlenbyvalalign(type, &length, &by_value, &align);
    return PointerGetDatum(construct_md_array(claim->columns[column], claim->nulls[column], 1, dims,
                                              lower, type, length, by_value, align));
}

/* Lowest and highest id of the claimed notifications: they choose the partitions. */
static void
notification_range(const struct claim *claim, Datum *low, Datum *high)
{
    const Datum *ids = claim->columns[TAKEN_NOTIFICATION];

    *low = *high = ids[0];
    for (int i = 1; i < claim->count; i++)
    {
        if (memcmp(DatumGetUUIDP(ids[i]), DatumGetUUIDP(*low), UUID_LEN) < 0)
            *low = ids[i];
        if (memcmp(DatumGetUUIDP(ids[i]), DatumGetUUIDP(*high), UUID_LEN) > 0)
            *high = ids[i];
    }
}

static void
return_details(const struct claim *claim, ReturnSetInfo *result)
{
    Oid params[DETAIL_ARRAYS + 4];
    Datum values[DETAIL_ARRAYS + 4];

    for (int c = 0; c < DETAIL_ARRAYS; c++)
    {
        params[c] = detail_types[c];
        values[c] = column_array(claim, c);
    }
    params[14] = TEXTOID;
    params[15] = TIMESTAMPTZOID;
    params[16] = params[17] = UUIDOID;
    values[14] = CStringGetTextDatum(channels[claim->channel]);
    values[15] = TimestampTzGetDatum(claim->now);
    notification_range(claim, &values[16], &values[17]);

    if (SPI_execute_plan(herald_saved_plan(&details_plan, details_sql, lengthof(params), params),
                         values, NULL, false, 0) != SPI_OK_SELECT)
        elog(ERROR, "could not read the claimed deliveries");
    for (uint64 i = 0; i < SPI_processed; i++)
        tuplestore_puttuple(result->setResult, SPI_tuptable->vals[i]);
}

/* Forget what the lanes know when it no longer holds. */
static void
check_lanes(const struct claim *claim)
{
    uint32 filter = 0;

    if (claim->filtered)
    {
        ArrayType *buckets = DatumGetArrayTypeP(claim->buckets);

        filter = hash_bytes((unsigned char *) buckets, VARSIZE(buckets)) | 1;
    }
    if (claim->now < session.last_now || filter != session.filter)
        memset(session.lanes, 0, sizeof(session.lanes));
    session.last_now = claim->now;
    session.filter = filter;
}

static void
claim_start(struct claim *claim, FunctionCallInfo fcinfo)
{
    claim->epoch = PG_GETARG_INT64(0);
    claim->channel = channel_number(text_to_cstring(PG_GETARG_TEXT_PP(1)));
    claim->wanted = Min(PG_GETARG_INT32(2), CLAIM_MAX);
    claim->filtered = !PG_ARGISNULL(3);
    claim->buckets = claim->filtered ? PointerGetDatum(PG_GETARG_ARRAYTYPE_P(3)) : (Datum) 0;
    claim->now = GetCurrentTimestamp();
    claim->now_us = herald_monotonic_us();
}

Datum
herald_claim(PG_FUNCTION_ARGS)
{
    struct claim claim = { 0 };
    int level;

    for (int i = 0; i < 3; i++)
    {
        if (PG_ARGISNULL(i))
            ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                    errmsg("epoch, channel and max must not be null"));
    }
    claim_start(&claim, fcinfo);
    InitMaterializedSRF(fcinfo, 0);
    SPI_connect();
    check_epoch(claim.epoch);
    check_lanes(&claim);
    level = herald_pinned_begin();
    if (claim.wanted > 0)
    {
        for (int c = 0; c < DETAIL_ARRAYS; c++)
        {
            claim.columns[c] = palloc((size_t) claim.wanted * sizeof(Datum));
            claim.nulls[c] = palloc0((size_t) claim.wanted * sizeof(bool));
        }
        take_all(&claim);
    }
    if (claim.count > 0)
        return_details(&claim, (ReturnSetInfo *) fcinfo->resultinfo);
    herald_pinned_end(level);
    SPI_finish();
    PG_RETURN_NULL();
}
