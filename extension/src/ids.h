/*
 * Buckets and ids: the frozen hash of a recipient and UUIDv7 ids that carry time and bucket.
 *
 * Layout of an id: 48 bits of milliseconds since 1970, version nibble 7, 12 bits of bucket,
 * variant 10, 62 bits that are random for the first id of a millisecond and rise after it.
 */
#ifndef HERALD_IDS_H
#define HERALD_IDS_H

#include "utils/timestamp.h"
#include "utils/uuid.h"

enum
{
    HERALD_BUCKETS = 4096
};

/*
 * Bucket of a recipient, 0..4095: FNV-1a (64 bits) over the bytes, then the 64-bit finalizer of
 * MurmurHash3, then the lowest 12 bits. Frozen for ever: stored in every row and every id.
 */
uint32 herald_bucket(const char *text, size_t length);

/*
 * A new id. Ids of one backend rise, for every bucket, even when the clock stands still or moves
 * back. Raises 22023 for a bucket out of range.
 */
pg_uuid_t herald_new_id(int bucket);

/* Can an id be one of ours? */
bool herald_id_is_ours(const pg_uuid_t *id);

/* Bucket and time of an id; the caller knows that it is one of ours. */
int herald_id_bucket(const pg_uuid_t *id);
TimestampTz herald_id_time(const pg_uuid_t *id);

#endif
