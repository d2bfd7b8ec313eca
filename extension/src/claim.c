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

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "armed.h"
#include "claim.h"
#include "clock.h"
#include "compat.h"
#include "doorbell.h"
#include "outbox.h"

#define SWEEP_US INT64CONST(1000000)
#define CHEAP_SWEEP_US INT64CONST(2000)
#define BOUND_LAG_US INT64CONST(1000000)

enum
{
    CHANNELS = 7,
    PRIORITIES = 4,
    CLAIM_MAX = 10000,
    SWEEP_SHARE = 10 /* extra sweeps that are not cheap take at most a tenth of the time */
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
    struct lane lanes[CHANNELS][PRIORITIES][HERALD_OUTBOX_RING];
    int64 sweep_end_us[CHANNELS];      /* of the last extra sweep, monotonic */
    int64 sweep_costs_us[CHANNELS][2]; /* of the last two */
    TimestampTz last_now;
    int64 epoch;   /* known to be alive */
    uint32 filter; /* hash of the bucket filter the lanes were made with */
} session;

static struct herald_leaf_statement probe = {
    .sql = "select o.queued_at from # o"
           " where o.epoch is null and o.channel = $1::herald.channel"
           " and o.priority = $2::herald.priority and o.queued_at >= $3"
           " order by o.queued_at limit 1",
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
           " order by o.queued_at limit $5 for update skip locked)"
           " update # o set epoch = $1, attempt = o.attempt + 1, claimed_at = $7"
           " from picked where o.ctid = picked.place"
           " returning o.id, o.bucket, o.attempt, o.failures, o.notification, o.recipient,"
           " o.device, o.category, o.template, o.created_at, o.expires_at, o.queued_at",
    .param_count = 7,
    .params = { INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID, INT8OID, INT4ARRAYOID, TIMESTAMPTZOID },
};

static SPIPlanPtr alive_plan;

HERALD_FUNCTION(herald_claim);
HERALD_FUNCTION(herald_claim_suspect);

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

/* A copy must not send. */
static void
check_armed(void)
{
    if (!herald_is_armed())
        ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                errmsg("dispatchers do not deliver from this database: it is not armed"),
                errhint("It is new, was disarmed or is a copy. To deliver from here: "
                        "select herald.arm()"));
}

/* A leaf that is empty or that somebody has locked: the claim goes on to the others. */
static bool
is_leaf_closed(int leaf)
{
    Oid oid = herald_outbox_leaf_oid(leaf);
    Relation relation;
    bool empty;

    if (!ConditionalLockRelationOid(oid, RowExclusiveLock))
        return true;
    relation = table_open(oid, NoLock);
    empty = RelationGetNumberOfBlocks(relation) == 0;
    table_close(relation, RowExclusiveLock);
    return empty;
}

/* Time of the first waiting row of a lane from the bound on; false: there is none. */
static bool
find_first(const struct claim *claim, int priority, int leaf, TimestampTz *bound)
{
    Datum values[] = { CStringGetTextDatum(claim->channel_name),
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
    Datum name = CStringGetTextDatum(priorities[priority]);

    for (uint64 i = 0; i < SPI_processed; i++)
    {
        struct claimed *row = &claim->rows[claim->count++];

        heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, row->values, row->nulls);
        row->priority = priority;
        row->values[CLAIMED_LEAF] = Int32GetDatum(leaf);
        row->nulls[CLAIMED_LEAF] = false;
        row->values[CLAIMED_PRIORITY] = name;
        row->nulls[CLAIMED_PRIORITY] = false;
        row->nulls[CLAIMED_TOKENS] = true;
        latest = Max(latest, DatumGetTimestampTz(row->values[CLAIMED_QUEUED_AT]));
    }
    return latest;
}

/* Take what is left to take from one lane; returns whether there may be more. */
static bool
take_rows(struct claim *claim, int priority, int leaf, TimestampTz *bound)
{
    int limit = claim->wanted - claim->count;
    Datum values[] = { Int64GetDatum(claim->epoch),
                       CStringGetTextDatum(claim->channel_name),
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
    latest = collect(claim, priority, leaf);
    if (claim->count < claim->wanted)
        return false;
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
pass(struct claim *claim, const bool *closed, bool sweeps)
{
    int current = herald_outbox_leaf(claim->now);

    for (int priority = 0; priority < PRIORITIES; priority++)
    {
        for (int i = 1; i <= HERALD_OUTBOX_RING; i++)
        {
            int leaf = (current + i) % HERALD_OUTBOX_RING;

            if (claim->count == claim->wanted)
                return;
            if (!closed[leaf])
                visit(claim, priority, leaf, sweeps);
        }
    }
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

/* Before the caller goes to sleep: look below the bounds too, unless that is dear. */
static void
sweep(struct claim *claim, const bool *closed)
{
    int64 *end_us = &session.sweep_end_us[claim->channel];
    int64 *costs_us = session.sweep_costs_us[claim->channel];

    /* The lower one of two: a single one may have had to plan. */
    int64 cost_us = Min(costs_us[0], costs_us[1]);

    if (cost_us > CHEAP_SWEEP_US && claim->now_us - *end_us < cost_us * SWEEP_SHARE)
        return;
    pass(claim, closed, true);
    *end_us = herald_monotonic_us();
    costs_us[1] = costs_us[0];
    costs_us[0] = *end_us - claim->now_us;
}

static void
take_all(struct claim *claim)
{
    bool closed[HERALD_OUTBOX_RING];

    check_lanes(claim);
    for (int leaf = 0; leaf < HERALD_OUTBOX_RING; leaf++)
        closed[leaf] = is_leaf_closed(leaf);
    pass(claim, closed, false);
    if (claim->count == 0)
        sweep(claim, closed);
}

/* One suspect, which is not in the ring: it shall be the only one at work. */
static void
take_suspect(struct claim *claim)
{
    if (is_leaf_closed(HERALD_OUTBOX_SUSPECTS))
        return;
    for (int priority = 0; priority < PRIORITIES && claim->count == 0; priority++)
    {
        TimestampTz bound = DT_NOBEGIN;

        (void) take_rows(claim, priority, HERALD_OUTBOX_SUSPECTS, &bound);
    }
}

static void
claim_start(struct claim *claim, FunctionCallInfo fcinfo, int required)
{
    for (int i = 0; i < required; i++)
    {
        if (PG_ARGISNULL(i))
            ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                    errmsg("epoch, channel and max must not be null"));
    }
    claim->epoch = PG_GETARG_INT64(0);
    claim->channel = channel_number(text_to_cstring(PG_GETARG_TEXT_PP(1)));
    claim->channel_name = channels[claim->channel];
    claim->now = GetCurrentTimestamp();
    claim->now_us = herald_monotonic_us();
}

/* Let take take what is wanted, and return it. */
static Datum
claim_run(struct claim *claim, FunctionCallInfo fcinfo, void (*take_wanted)(struct claim *claim))
{
    int level;

    InitMaterializedSRF(fcinfo, 0);
    SPI_connect();
    check_armed();
    check_epoch(claim->epoch);
    level = herald_pinned_begin();
    if (claim->wanted > 0)
    {
        claim->rows = palloc((size_t) claim->wanted * sizeof(struct claimed));
        take_wanted(claim);
    }
    if (claim->count > 0)
        herald_return_claimed(claim, (ReturnSetInfo *) fcinfo->resultinfo);
    herald_pinned_end(level);
    SPI_finish();
    PG_RETURN_NULL();
}

Datum
herald_claim(PG_FUNCTION_ARGS)
{
    struct claim claim = { 0 };

    claim_start(&claim, fcinfo, 3);
    claim.wanted = Min(PG_GETARG_INT32(2), CLAIM_MAX);
    claim.filtered = !PG_ARGISNULL(3);
    claim.buckets = claim.filtered ? PointerGetDatum(PG_GETARG_ARRAYTYPE_P(3)) : (Datum) 0;
    return claim_run(&claim, fcinfo, take_all);
}

Datum
herald_claim_suspect(PG_FUNCTION_ARGS)
{
    struct claim claim = { .wanted = 1 };

    claim_start(&claim, fcinfo, 2);
    return claim_run(&claim, fcinfo, take_suspect);
}
