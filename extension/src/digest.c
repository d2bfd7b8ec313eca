/* MD5 and SHA-256 for templates. */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/md5.h"
#include "common/sha2.h"

#include "digest.h"

static bool
compute(pg_cryptohash_type type, struct lq_str text, uint8_t *ret, size_t size)
{
    pg_cryptohash_ctx *context = pg_cryptohash_create(type);
    bool done = context != NULL && pg_cryptohash_init(context) >= 0 &&
                pg_cryptohash_update(context, (const uint8 *) text.data, text.len) >= 0 &&
                pg_cryptohash_final(context, ret, size) >= 0;

    if (context != NULL)
        pg_cryptohash_free(context);
    return done;
}

bool
herald_digest(void *host, enum lq_digest algorithm, struct lq_str text, uint8_t *ret)
{
    (void) host;
    if (algorithm == LQ_DIGEST_MD5)
        return compute(PG_MD5, text, ret, MD5_DIGEST_LENGTH);
    return compute(PG_SHA256, text, ret, PG_SHA256_DIGEST_LENGTH);
}
