/*
 * Claiming: herald.claim() takes waiting deliveries for a dispatcher and returns what rendering
 * needs.
 *
 * What waits on a channel is taken from its queues, one for each priority and lane of senders, in
 * shares (shares.h); within a queue from the leaf that was written longest ago on. A claim first
 * looks which queues have rows, then takes from all that do, one statement a leaf, and divides
 * what some of them left again.
 *
 * Each leaf is swept once a second (queue.h). A claim that finds nothing sweeps at once if sweeping
 * is cheap, because its caller will go to sleep.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "funcapi.h"
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
#include "queue.h"
#include "shares.h"

#define SWEEP_US INT64CONST(1000000)
#define CHEAP_SWEEP_US INT64CONST(2000)

enum
{
    CHANNELS = 7,
    CLAIM_MAX = 10000,
    SWEEP_SHARE = 10 /* extra sweeps that are not cheap take at most a tenth of the time */
};

static const char *const channels[CHANNELS] = { "push", "sms",     "email", "voice",
                                                "chat", "webhook", "inapp" };

static struct
{
    struct herald_known known[CHANNELS][HERALD_OUTBOX_RING];
    struct herald_shares shares[CHANNELS];
    int64 sweep_end_us[CHANNELS];      /* of the last extra sweep, monotonic */
    int64 sweep_costs_us[CHANNELS][2]; /* of the last two */
    TimestampTz last_now;
    int64 epoch;   /* known to be alive */
    uint32 filter; /* hash of the bucket filter with which all this was found */
} session;

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

/* A leaf that somebody has locked is as an empty one: the claim goes on to the others. */
static struct herald_leaf
find_leaf(int number)
{
    struct herald_leaf leaf = { .number = number };
    Oid oid = herald_outbox_leaf_oid(number);
    Relation relation;

    if (!ConditionalLockRelationOid(oid, RowExclusiveLock))
        return leaf;
    relation = table_open(oid, NoLock);
    leaf.blocks = RelationGetNumberOfBlocks(relation);
    table_close(relation, RowExclusiveLock);
    return leaf;
}

/* Rows that entered since the last look are in the leaves that senders wrote in the meantime. */
static bool
is_fresh(const struct claim *claim, int leaf)
{
    return leaf == herald_outbox_leaf(claim->now) ||
           leaf == herald_outbox_leaf(claim->now - HERALD_BOUND_LAG_US - SWEEP_US);
}

/* The leaf that was written longest ago for 0, the one that is written now for the highest. */
static int
leaf_by_age(const struct claim *claim, int place)
{
    return (herald_outbox_leaf(claim->now) + 1 + place) % HERALD_OUTBOX_RING;
}

/* Look into the leaves that may have what is not known; sweeps: into all, and below the bounds. */
static void
look_around(const struct claim *claim, const struct herald_leaf *leaves, bool sweeps)
{
    for (int leaf = 0; leaf < HERALD_OUTBOX_RING; leaf++)
    {
        struct herald_known *known = &session.known[claim->channel][leaf];
        bool due = known->swept_us == 0 || claim->now_us - known->swept_us >= SWEEP_US;

        if (leaves[leaf].blocks > 0 && (sweeps || due || is_fresh(claim, leaf)))
            herald_queue_look(claim, &leaves[leaf], known, sweeps || due);
    }
}

/* Take from the queues in shares; each round that does not fill the claim empties a queue. */
static void
fill(struct claim *claim, const struct herald_leaf *leaves)
{
    struct herald_known *known = session.known[claim->channel];

    while (claim->count < claim->wanted)
    {
        int quotas[HERALD_QUEUES];
        uint64 waiting = 0;

        for (int leaf = 0; leaf < HERALD_OUTBOX_RING; leaf++)
            waiting |= leaves[leaf].blocks > 0 ? known[leaf].waiting : 0;
        if (waiting == 0)
            return;
        herald_shares_divide(&session.shares[claim->channel], waiting, claim->wanted - claim->count,
                             quotas);
        for (int i = 0; i < HERALD_OUTBOX_RING; i++)
        {
            int leaf = leaf_by_age(claim, i);

            if (leaves[leaf].blocks > 0)
                herald_queue_take(claim, &leaves[leaf], &known[leaf], quotas);
        }
    }
}

/* Forget what is known when it no longer holds. */
static void
check_known(const struct claim *claim)
{
    uint32 filter = 0;

    if (claim->filtered)
    {
        ArrayType *buckets = DatumGetArrayTypeP(claim->buckets);

        filter = hash_bytes((unsigned char *) buckets, VARSIZE(buckets)) | 1;
    }
    if (claim->now < session.last_now || filter != session.filter)
        memset(session.known, 0, sizeof(session.known));
    session.last_now = claim->now;
    session.filter = filter;
}

/* Before the caller goes to sleep: look below the bounds too, unless that is dear. */
static void
sweep(struct claim *claim, const struct herald_leaf *leaves)
{
    int64 *end_us = &session.sweep_end_us[claim->channel];
    int64 *costs_us = session.sweep_costs_us[claim->channel];

    /* The lower one of two: a single one may have had to plan. */
    int64 cost_us = Min(costs_us[0], costs_us[1]);

    if (cost_us > CHEAP_SWEEP_US && claim->now_us - *end_us < cost_us * SWEEP_SHARE)
        return;
    look_around(claim, leaves, true);
    fill(claim, leaves);
    *end_us = herald_monotonic_us();
    costs_us[1] = costs_us[0];
    costs_us[0] = *end_us - claim->now_us;
}

static void
take_all(struct claim *claim)
{
    struct herald_leaf leaves[HERALD_OUTBOX_RING];

    check_known(claim);
    for (int leaf = 0; leaf < HERALD_OUTBOX_RING; leaf++)
        leaves[leaf] = find_leaf(leaf);
    look_around(claim, leaves, false);
    fill(claim, leaves);
    if (claim->count == 0)
        sweep(claim, leaves);
}

/* One suspect, which is not in the ring: it shall be the only one at work. */
static void
take_suspect(struct claim *claim)
{
    struct herald_leaf leaf = find_leaf(HERALD_OUTBOX_SUSPECTS);
    struct herald_known known = { 0 };

    if (leaf.blocks == 0)
        return;
    herald_queue_look(claim, &leaf, &known, true);
    while (known.waiting != 0 && claim->count == 0)
    {
        int quotas[HERALD_QUEUES] = { 0 };

        quotas[herald_queue_oldest(&known)] = 1;
        herald_queue_take(claim, &leaf, &known, quotas);
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
