/*
 * Who receives: see target.h.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "ids.h"
#include "outbox.h"
#include "target.h"

enum
{
    DEVICE_CHANNELS = 1 << HERALD_PUSH | 1 << HERALD_CHAT | 1 << HERALD_WEBHOOK,
    PHONE_CHANNELS = 1 << HERALD_SMS | 1 << HERALD_VOICE,
    EXCERPT_BYTES = 64,
    FACT_PARAMS = 3
};

/* A row that a statement found about a target. */
typedef void (*take_row)(struct herald_target *target, HeapTuple row, TupleDesc columns);

/*
 * One question about recipients: $1 their ids, $2 their buckets, $3 the category. The statement for
 * many ends each row with the place in $1; most sends need only some of the questions.
 */
struct fact
{
    const char *one;
    const char *many;
    take_row take;
    SPIPlanPtr plans[2];
};

#define GIVEN " from unnest($1, $2) with ordinality u (id, bucket, place)"

static void take_recipient(struct herald_target *target, HeapTuple row, TupleDesc columns);
static void take_recipient_with_refusals(struct herald_target *target, HeapTuple row,
                                         TupleDesc columns);
static void take_refusal(struct herald_target *target, HeapTuple row, TupleDesc columns);
static void take_device(struct herald_target *target, HeapTuple row, TupleDesc columns);

#define REFUSED " where p.recipient = $1 and p.bucket = $2 and p.category = $3 and not p.enabled"

#define COLUMNS "select r.email, r.phone, r.locale, r.timezone, r.attributes"
#define ONE " from herald.recipient r where r.id = $1 and r.bucket = $2"
#define MANY GIVEN " join herald.recipient r on r.id = u.id and r.bucket = u.bucket"

/* By whether refusals matter. Then one more column tells if there are any, which is rare. */
static struct fact recipient_facts[2] = {
    { .one = COLUMNS ONE, .many = COLUMNS ", u.place" MANY, .take = take_recipient },
    { .one = COLUMNS ", exists (select from herald.preference p" REFUSED ")" ONE,
      .many = COLUMNS ", true, u.place" MANY,
      .take = take_recipient_with_refusals },
};

static struct fact refusal_fact = {
    .one = "select p.channel::text from herald.preference p" REFUSED,
    .many = "select p.channel::text, u.place" GIVEN " join herald.preference p"
            " on p.recipient = u.id and p.bucket = u.bucket and p.category = $3 and not p.enabled",
    .take = take_refusal,
};

#define HAS_TOKEN                                                                                  \
    " exists (select from herald.device_token t where t.device = d.id and t.bucket = d.bucket"     \
    " and t.state <> 'retired')"

static struct fact device_fact = {
    .one = "select d.kind::text, d.id from herald.device d"
           " where d.recipient = $1 and d.bucket = $2 and" HAS_TOKEN " order by d.id",
    .many = "select d.kind::text, d.id, u.place" GIVEN
            " join herald.device d on d.recipient = u.id and d.bucket = u.bucket where" HAS_TOKEN
            " order by d.id",
    .take = take_device,
};

static struct varlena *
varlena_column(HeapTuple row, TupleDesc columns, int number)
{
    bool is_null;
    Datum value = SPI_getbinval(row, columns, number, &is_null);

    return is_null ? NULL : PG_DETOAST_DATUM_PACKED(value);
}

static void
take_recipient(struct herald_target *target, HeapTuple row, TupleDesc columns)
{
    struct varlena *attributes = varlena_column(row, columns, 5);

    target->known = true;
    target->email = varlena_column(row, columns, 1);
    target->phone = varlena_column(row, columns, 2);
    target->locale = varlena_column(row, columns, 3);
    target->timezone = varlena_column(row, columns, 4);
    target->attributes = DatumGetJsonbP(PointerGetDatum(attributes));
    if (JB_ROOT_COUNT(target->attributes) == 0)
        target->attributes = NULL;
    if (target->email != NULL)
        target->reachable |= 1 << HERALD_EMAIL;
    if (target->phone != NULL)
        target->reachable |= PHONE_CHANNELS;
}

static void
take_recipient_with_refusals(struct herald_target *target, HeapTuple row, TupleDesc columns)
{
    bool is_null;

    take_recipient(target, row, columns);
    target->has_refusals = DatumGetBool(SPI_getbinval(row, columns, 6, &is_null));
}

static void
take_refusal(struct herald_target *target, HeapTuple row, TupleDesc columns)
{
    target->opted_out |= herald_channel_bits(SPI_getvalue(row, columns, 1));
}

static void
take_device(struct herald_target *target, HeapTuple row, TupleDesc columns)
{
    const char *kind = SPI_getvalue(row, columns, 1);
    int channel = herald_channel_find(kind, strlen(kind));
    int count = target->device_count++;
    bool is_null;

    /* Room doubles at powers of two. */
    if (count == 0)
        target->devices = palloc(sizeof(*target->devices));
    else if ((count & (count - 1)) == 0)
        target->devices = repalloc(target->devices, 2 * (size_t) count * sizeof(*target->devices));
    target->devices[count] = (struct herald_target_device){
        .id = *DatumGetUUIDP(SPI_getbinval(row, columns, 2, &is_null)),
        .channel = channel < 0 ? HERALD_PUSH : (enum herald_channel) channel,
    };
}

/* Ask one question about all targets. */
static void
ask(struct fact *fact, Datum values[FACT_PARAMS], struct herald_target *targets, int count)
{
    static const Oid types[2][FACT_PARAMS] = { { TEXTOID, INT4OID, TEXTOID },
                                               { TEXTARRAYOID, INT4ARRAYOID, TEXTOID } };
    bool many = count > 1;
    SPIPlanPtr *plan = &fact->plans[many];
    bool is_first = *plan == NULL;
    int level = 0;

    /* The plan is kept; made while the tables are small it would scan them for ever. */
    if (is_first)
        level = herald_pinned_begin();
    herald_saved_plan(plan, many ? fact->many : fact->one, FACT_PARAMS, types[many]);
    if (SPI_execute_plan(*plan, values, values[2] == (Datum) 0 ? "  n" : NULL, true, 0) !=
        SPI_OK_SELECT)
        elog(ERROR, "could not look up recipients");
    if (is_first)
        herald_pinned_end(level);

    for (uint64 i = 0; i < SPI_processed; i++)
    {
        HeapTuple row = SPI_tuptable->vals[i];
        TupleDesc columns = SPI_tuptable->tupdesc;
        bool is_null;
        int64 place =
            many ? DatumGetInt64(SPI_getbinval(row, columns, columns->natts, &is_null)) : 1;

        fact->take(&targets[place - 1], row, columns);
    }
}

static void
refuse_unknown(text *recipient)
{
    int length =
        pg_mbcliplen(VARDATA_ANY(recipient), (int) VARSIZE_ANY_EXHDR(recipient), EXCERPT_BYTES);

    ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
            errmsg("unknown recipient \"%.*s\"", length, VARDATA_ANY(recipient)),
            errhint("Register it with herald.notify_recipient()."));
}

/* Ids and buckets of the targets as the first two parameters. */
static void
set_given(Datum values[FACT_PARAMS], const struct herald_target *targets, int count)
{
    Datum *ids = palloc((size_t) count * sizeof(Datum));
    Datum *buckets = palloc((size_t) count * sizeof(Datum));

    for (int i = 0; i < count; i++)
    {
        ids[i] = PointerGetDatum(targets[i].recipient);
        buckets[i] = Int32GetDatum(targets[i].bucket);
    }
    values[0] = ids[0];
    values[1] = buckets[0];
    if (count == 1)
        return;
    values[0] = PointerGetDatum(construct_array(ids, count, TEXTOID, -1, false, TYPALIGN_INT));
    values[1] = PointerGetDatum(construct_array(buckets, count, INT4OID, 4, true, TYPALIGN_INT));
}

static int
compare_keys(const void *left, const void *right)
{
    uint64 a = *(const uint64 *) left;
    uint64 b = *(const uint64 *) right;

    return a < b ? -1 : a > b;
}

/* Empty targets, in the order of their buckets. */
static struct herald_target *
create_targets(text **recipients, int count)
{
    struct herald_target *targets = palloc0((size_t) count * sizeof(*targets));
    uint64 *keys = palloc((size_t) count * sizeof(*keys));

    for (int i = 0; i < count; i++)
        keys[i] =
            (uint64) herald_bucket(VARDATA_ANY(recipients[i]), VARSIZE_ANY_EXHDR(recipients[i]))
                << 32 |
            (uint64) i;
    qsort(keys, (size_t) count, sizeof(*keys), compare_keys);
    for (int i = 0; i < count; i++)
    {
        targets[i].place = (int) (keys[i] & PG_UINT32_MAX);
        targets[i].bucket = (int) (keys[i] >> 32);
        targets[i].recipient = recipients[targets[i].place];
    }
    return targets;
}

static void
check_known(const struct herald_target *targets, int count)
{
    const struct herald_target *unknown = NULL;

    for (int i = 0; i < count; i++)
        if (!targets[i].known && (unknown == NULL || targets[i].place < unknown->place))
            unknown = &targets[i];
    if (unknown != NULL)
        refuse_unknown(unknown->recipient);
}

struct herald_target *
herald_target_load(const struct herald_request *request, text **recipients, int count)
{
    struct herald_target *targets = create_targets(recipients, count);
    bool refusals = !request->mandatory;
    Datum values[FACT_PARAMS] = { 0, 0, PointerGetDatum(request->category) };

    set_given(values, targets, count);

    ask(&recipient_facts[refusals], values, targets, count);
    check_known(targets, count);
    if (targets[0].has_refusals)
        ask(&refusal_fact, values, targets, count);
    if ((request->channels & DEVICE_CHANNELS) != 0)
        ask(&device_fact, values, targets, count);
    return targets;
}

/* Has the target an address for a channel: in itself, or a device that the channel reaches? */
static bool
has_address(const struct herald_target *target, enum herald_channel channel)
{
    uint32 bit = UINT32_C(1) << channel;

    if ((bit & DEVICE_CHANNELS) == 0)
        return (target->reachable & bit) != 0;
    for (int i = 0; i < target->device_count; i++)
        if (target->devices[i].channel == channel)
            return true;
    return false;
}

/*
 * Why a channel is not used for a target; NULL when it is. The claim judges again, and whether the
 * address is suppressed as well: for every send that look-up would be its dearest part.
 */
static const char *
refusal(const struct herald_target *target, enum herald_channel channel)
{
    if (channel == HERALD_INAPP)
        return "not_available";
    if (!has_address(target, channel))
        return "no_address";
    return (target->opted_out & UINT32_C(1) << channel) != 0 ? "opted_out" : NULL;
}

/*
 * Of the channels that have an order the first that is used; those behind it wait, unless they are
 * refused, which is told at once.
 */
static uint32
waiting_channels(const struct herald_request *request, const struct herald_target *target)
{
    uint32 usable = 0;
    uint32 first = 0;

    for (int i = 0; i < request->cheapest.count; i++)
    {
        enum herald_channel channel = (enum herald_channel) request->cheapest.channels[i];
        uint32 bit = UINT32_C(1) << channel;

        if ((request->channels & bit) == 0 || refusal(target, channel) != NULL)
            continue;
        usable |= bit;
        if (first == 0)
            first = bit;
    }
    return usable & ~first;
}

int
herald_target_deliveries(const struct herald_request *request, struct herald_target *target,
                         struct herald_delivery *deliveries)
{
    int count = 0;

    if (request->cheapest.count > 0)
        target->waiting = waiting_channels(request, target);
    for (enum herald_channel channel = 0; channel < HERALD_CHANNELS; channel++)
    {
        uint32 bit = UINT32_C(1) << channel;
        const char *reason;

        if ((request->channels & ~target->waiting & bit) == 0)
            continue;
        reason = refusal(target, channel);
        if (reason != NULL || (bit & DEVICE_CHANNELS) == 0)
        {
            deliveries[count++] = (struct herald_delivery){ .channel = channel, .reason = reason };
            continue;
        }
        for (int i = 0; i < target->device_count; i++)
            if (target->devices[i].channel == channel)
                deliveries[count++] = (struct herald_delivery){ .channel = channel,
                                                                .device = &target->devices[i].id };
    }
    for (int i = 0; i < count; i++)
    {
        deliveries[i].id = herald_new_id(target->bucket);
        deliveries[i].target = target;
    }
    return count;
}
