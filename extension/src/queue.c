/*
 * Queues: see queue.h.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "port/pg_bitutils.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "outbox.h"
#include "queue.h"

enum
{
    SMALL_BLOCKS = 32 /* what is sent in a leaf's time at some 200 a second */
};

static const char *const priorities[HERALD_PRIORITIES] = { "urgent", "high", "normal", "bulk" };

/*
 * Rows of queue q, by number. All columns of the claim index but the last are equal to something:
 * whatever the planner believes about the table, this is one short walk along the index a queue.
 */
#define WAITING                                                                                    \
    "o.epoch is null and o.channel = (select $1::herald.channel)"                                  \
    " and o.priority = case q.number / 16 when 0 then 'urgent'::herald.priority when 1 then"       \
    " 'high' when 2 then 'normal' else 'bulk' end"                                                 \
    " and o.lane = q.number % 16"
StaticAssertDecl(HERALD_OUTBOX_LANES == 16, "WAITING counts lanes");

static struct herald_leaf_statement look = {
    .sql = "select q.number, w.queued_at from unnest($3) as q (number)"
           " cross join lateral (select o.queued_at from # o"
           " where " WAITING " and o.queued_at >= $2 order by o.queued_at limit 1) as w",
    .param_count = 3,
    .params = { TEXTOID, TIMESTAMPTZOID, INT4ARRAYOID },
};

/* Same for all queues of a leaf that is small: one walk over it takes less than 64 short ones. */
static struct herald_leaf_statement look_at_small = {
    .sql = "select case o.priority when 'urgent' then 0 when 'high' then 16 when 'normal' then 32"
           " else 48 end + o.lane, min(o.queued_at) from # o"
           " where o.epoch is null and o.channel = $1::herald.channel and o.queued_at >= $2"
           " group by o.priority, o.lane",
    .param_count = 2,
    .params = { TEXTOID, TIMESTAMPTZOID },
};

/* The join by ctid meets the row versions that were locked just before and no others. */
static struct herald_leaf_statement take = {
    .sql = "with picked as materialized ("
           "select w.place, q.number from unnest($2, $3, $4) as q (number, bound, quota)"
           " cross join lateral (select o.ctid as place from # o"
           " where " WAITING " and o.queued_at >= q.bound"
           " and ($5 is null or o.bucket = any ($5))"
           " order by o.queued_at limit q.quota for update skip locked) as w)"
           " update # o set epoch = $6, attempt = o.attempt + 1, claimed_at = $7"
           " from picked where o.ctid = picked.place"
           " returning o.id, o.bucket, o.attempt, o.failures, o.notification, o.recipient,"
           " o.device, o.category, o.template, o.created_at, o.expires_at, o.queued_at,"
           " picked.number",
    .param_count = 7,
    .params = { TEXTOID, INT4ARRAYOID, TIMESTAMPTZARRAYOID, INT4ARRAYOID, INT4ARRAYOID, INT8OID,
                TIMESTAMPTZOID },
};

static uint64
queue_bit(int queue)
{
    return UINT64CONST(1) << queue;
}

static Datum
int_array(Datum *values, int count)
{
    return PointerGetDatum(
        construct_array(values, count, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

void
herald_queue_look(const struct claim *claim, const struct herald_leaf *leaf,
                  struct herald_known *known, bool sweeps)
{
    uint64 asked = sweeps ? ~UINT64CONST(0) : ~known->waiting;
    Datum numbers[HERALD_QUEUES];
    Datum values[3];
    int count = 0;

    for (int queue = 0; queue < HERALD_QUEUES; queue++)
    {
        if ((asked & queue_bit(queue)) != 0)
            numbers[count++] = Int32GetDatum(queue);
    }
    values[0] = CStringGetTextDatum(claim->channel_name);
    values[1] = TimestampTzGetDatum(sweeps ? DT_NOBEGIN : known->bound);
    values[2] = int_array(numbers, count);
    if (SPI_execute_plan(
            herald_outbox_plan(leaf->blocks <= SMALL_BLOCKS ? &look_at_small : &look, leaf->number),
            values, NULL, true, 0) != SPI_OK_SELECT)
        elog(ERROR, "could not look into the outbox");

    known->waiting &= ~asked;
    for (uint64 i = 0; i < SPI_processed; i++)
    {
        HeapTuple row = SPI_tuptable->vals[i];
        bool is_null;
        int queue = DatumGetInt32(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &is_null));

        if ((asked & queue_bit(queue)) == 0)
            continue;
        known->waiting |= queue_bit(queue);
        known->bounds[queue] =
            DatumGetTimestampTz(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &is_null));
    }
    known->bound = claim->now - HERALD_BOUND_LAG_US;
    if (sweeps)
        known->swept_us = claim->now_us;
}

/* Add what the statement returned; counts quotas down and finds the latest queued_at by queue. */
static void
collect(struct claim *claim, int leaf, int *quotas, TimestampTz *latest)
{
    Datum names[HERALD_PRIORITIES];

    for (int i = 0; i < HERALD_PRIORITIES; i++)
        names[i] = CStringGetTextDatum(priorities[i]);
    for (uint64 i = 0; i < SPI_processed; i++)
    {
        struct claimed *row = &claim->rows[claim->count++];
        int queue;

        Assert(claim->count <= claim->wanted);
        heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, row->values, row->nulls);
        queue = DatumGetInt32(row->values[CLAIMED_QUEUE]);
        row->priority = queue / HERALD_OUTBOX_LANES;
        row->turn = claim->taken[queue]++;
        row->values[CLAIMED_LEAF] = Int32GetDatum(leaf);
        row->nulls[CLAIMED_LEAF] = false;
        row->values[CLAIMED_PRIORITY] = names[row->priority];
        row->nulls[CLAIMED_PRIORITY] = false;
        row->nulls[CLAIMED_TOKENS] = true;
        quotas[queue]--;
        latest[queue] = Max(latest[queue], DatumGetTimestampTz(row->values[CLAIMED_QUEUED_AT]));
    }
}

void
herald_queue_take(struct claim *claim, const struct herald_leaf *leaf, struct herald_known *known,
                  int *quotas)
{
    Datum numbers[HERALD_QUEUES];
    Datum bounds[HERALD_QUEUES];
    Datum limits[HERALD_QUEUES];
    TimestampTz latest[HERALD_QUEUES];
    const char nulls[] = { ' ', ' ', ' ', ' ', claim->filtered ? ' ' : 'n', ' ', ' ', '\0' };
    Datum values[7];
    int count = 0;

    for (int queue = 0; queue < HERALD_QUEUES; queue++)
    {
        if ((known->waiting & queue_bit(queue)) == 0 || quotas[queue] == 0)
            continue;
        latest[queue] = DT_NOBEGIN;
        numbers[count] = Int32GetDatum(queue);
        bounds[count] = TimestampTzGetDatum(known->bounds[queue]);
        limits[count++] = Int32GetDatum(quotas[queue]);
    }
    if (count == 0)
        return;
    values[0] = CStringGetTextDatum(claim->channel_name);
    values[1] = int_array(numbers, count);
    values[2] = PointerGetDatum(construct_array(bounds, count, TIMESTAMPTZOID, sizeof(TimestampTz),
                                                FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
    values[3] = int_array(limits, count);
    values[4] = claim->buckets;
    values[5] = Int64GetDatum(claim->epoch);
    values[6] = TimestampTzGetDatum(claim->now);
    if (SPI_execute_plan(herald_outbox_plan(&take, leaf->number), values, nulls, false, 0) !=
        SPI_OK_UPDATE_RETURNING)
        elog(ERROR, "could not claim from the outbox");
    collect(claim, leaf->number, quotas, latest);

    for (int i = 0; i < count; i++)
    {
        int queue = DatumGetInt32(numbers[i]);

        if (quotas[queue] > 0)
            known->waiting &= ~queue_bit(queue);
        else
            known->bounds[queue] = Min(latest[queue], claim->now - HERALD_BOUND_LAG_US);
    }
}

int
herald_queue_oldest(const struct herald_known *known)
{
    int oldest = pg_rightmost_one_pos64(known->waiting);
    int end = (oldest / HERALD_OUTBOX_LANES + 1) * HERALD_OUTBOX_LANES;

    for (int queue = oldest + 1; queue < end; queue++)
    {
        if ((known->waiting & queue_bit(queue)) != 0 &&
            known->bounds[queue] < known->bounds[oldest])
            oldest = queue;
    }
    return oldest;
}
