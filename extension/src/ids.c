/*
 * Buckets and ids: see ids.h.
 */
#include "postgres.h"

#include <unistd.h>

#include "miscadmin.h"
#include "utils/builtins.h"

#include "compat.h"
#include "ids.h"

#define UNIX_EPOCH_US ((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)
#define TAIL_MASK ((UINT64CONST(1) << 62) - 1)
#define MS_MAX ((INT64CONST(1) << 48) - 1)

enum
{
    RANDOM_WORDS = 64
};

/* The last id of this process; another process (a fork) starts anew. */
static struct
{
    pid_t pid;
    int64 last_ms;
    uint64 last_tail;
    uint64 random[RANDOM_WORDS];
    int random_left;
} ids;

HERALD_FUNCTION(herald_bucket_sql);
HERALD_FUNCTION(herald_new_id_sql);
HERALD_FUNCTION(herald_id_time_sql);
HERALD_FUNCTION(herald_id_bucket_sql);
HERALD_FUNCTION(herald_id_floor_sql);

uint32
herald_bucket(const char *text, size_t length)
{
    uint64 hash = UINT64CONST(0xcbf29ce484222325);

    for (size_t i = 0; i < length; i++)
    {
        hash ^= (unsigned char) text[i];
        hash *= UINT64CONST(0x100000001b3);
    }
    hash ^= hash >> 33;
    hash *= UINT64CONST(0xff51afd7ed558ccd);
    hash ^= hash >> 33;
    hash *= UINT64CONST(0xc4ceb9fe1a85ec53);
    hash ^= hash >> 33;
    return (uint32) (hash & (HERALD_BUCKETS - 1));
}

static uint64
next_random(void)
{
    if (ids.random_left == 0)
    {
        if (!pg_strong_random(ids.random, sizeof(ids.random)))
            ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR),
                    errmsg("could not get random bytes for an id"));
        ids.random_left = RANDOM_WORDS;
    }
    return ids.random[--ids.random_left];
}

static void
put_id(pg_uuid_t *id, int64 ms, int bucket, uint64 tail)
{
    uint64 high = (uint64) ms << 16 | UINT64CONST(0x7000) | (uint64) bucket;
    uint64 low = UINT64CONST(1) << 63 | tail;

    for (int i = 0; i < 8; i++)
    {
        id->data[i] = (unsigned char) (high >> (56 - 8 * i));
        id->data[8 + i] = (unsigned char) (low >> (56 - 8 * i));
    }
}

static void
check_bucket(int bucket)
{
    if (bucket < 0 || bucket >= HERALD_BUCKETS)
        ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                errmsg("bucket must be between 0 and %d", HERALD_BUCKETS - 1),
                errdetail("It is %d.", bucket));
}

pg_uuid_t
herald_new_id(int bucket)
{
    pg_uuid_t id;
    int64 ms = (GetCurrentTimestamp() + UNIX_EPOCH_US) / 1000;

    check_bucket(bucket);
    if (ids.pid != MyProcPid)
    {
        ids.pid = MyProcPid;
        ids.last_ms = 0;
        ids.random_left = 0;
    }

    /* Within a millisecond, or behind a clock that moved back, the tail rises by a random step. */
    if (ms <= ids.last_ms)
    {
        ms = ids.last_ms;
        ids.last_tail += 1 + (next_random() & PG_UINT32_MAX);
        if (ids.last_tail > TAIL_MASK)
        {
            ms++;
            ids.last_tail = next_random() & TAIL_MASK;
        }
    }
    else
        ids.last_tail = next_random() & TAIL_MASK;
    ids.last_ms = ms;

    put_id(&id, ms, bucket, ids.last_tail);
    return id;
}

int
herald_id_bucket(const pg_uuid_t *id)
{
    return (id->data[6] & 0x0f) << 8 | id->data[7];
}

TimestampTz
herald_id_time(const pg_uuid_t *id)
{
    int64 ms = 0;

    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id->data[i];
    return ms * 1000 - UNIX_EPOCH_US;
}

bool
herald_id_is_ours(const pg_uuid_t *id)
{
    return id->data[6] >> 4 == 7 && id->data[8] >> 6 == 2;
}

Datum
herald_bucket_sql(PG_FUNCTION_ARGS)
{
    text *value = PG_GETARG_TEXT_PP(0);

    PG_RETURN_INT32((int32) herald_bucket(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)));
}

Datum
herald_new_id_sql(PG_FUNCTION_ARGS)
{
    pg_uuid_t *id = palloc(sizeof(*id));

    *id = herald_new_id(PG_GETARG_INT32(0));
    PG_RETURN_UUID_P(id);
}

Datum
herald_id_time_sql(PG_FUNCTION_ARGS)
{
    pg_uuid_t *id = PG_GETARG_UUID_P(0);

    if (!herald_id_is_ours(id))
        PG_RETURN_NULL();
    PG_RETURN_TIMESTAMPTZ(herald_id_time(id));
}

Datum
herald_id_bucket_sql(PG_FUNCTION_ARGS)
{
    pg_uuid_t *id = PG_GETARG_UUID_P(0);

    if (!herald_id_is_ours(id))
        PG_RETURN_NULL();
    PG_RETURN_INT32(herald_id_bucket(id));
}

Datum
herald_id_floor_sql(PG_FUNCTION_ARGS)
{
    TimestampTz at = PG_GETARG_TIMESTAMPTZ(0);
    pg_uuid_t *id = palloc(sizeof(*id));

    if (at < -UNIX_EPOCH_US || at > MS_MAX * 1000 - UNIX_EPOCH_US)
        ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
                errmsg("ids have no time before 1970 or after 10889"));
    put_id(id, (at + UNIX_EPOCH_US) / 1000, 0, 0);
    PG_RETURN_UUID_P(id);
}
