/*
 * Observing other dispatchers: how long something has looked the same to this session, on a clock
 * that nobody sets. What wall clocks say decides nothing about who holds a claim.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"

#include "clock.h"
#include "compat.h"

/* Without a look for so long this session may have missed a change and starts anew. */
#define GAP_US INT64CONST(5000000)

struct observation
{
    int64 epoch; /* hash key */
    uint64 mark;
    int64 first_us;
    int64 last_us;
};

static HTAB *observations;

HERALD_FUNCTION(herald_observe);
HERALD_FUNCTION(herald_clock_step);

static HTAB *
get_observations(void)
{
    HASHCTL control = { .keysize = sizeof(int64), .entrysize = sizeof(struct observation) };

    if (observations == NULL)
        observations = hash_create("pg_herald observations", 16, &control, HASH_ELEM | HASH_BLOBS);
    return observations;
}

Datum
herald_observe(PG_FUNCTION_ARGS)
{
    int64 epoch = PG_GETARG_INT64(0);
    text *value = PG_GETARG_TEXT_PP(1);
    uint64 mark =
        hash_bytes_extended((unsigned char *) VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), 0);
    int64 now_us = herald_monotonic_us();
    bool found;
    struct observation *seen = hash_search(get_observations(), &epoch, HASH_ENTER, &found);

    if (!found || seen->mark != mark || now_us - seen->last_us > GAP_US)
    {
        seen->mark = mark;
        seen->first_us = now_us;
    }
    seen->last_us = now_us;
    PG_RETURN_INT64(now_us - seen->first_us);
}

Datum
herald_clock_step(PG_FUNCTION_ARGS)
{
    static int64 last_us;
    static bool is_known;
    int64 ahead_us = GetCurrentTimestamp() - herald_monotonic_us();
    int64 step_us = is_known ? ahead_us - last_us : 0;

    (void) fcinfo;
    is_known = true;
    last_us = ahead_us;
    PG_RETURN_INT64(step_us);
}
