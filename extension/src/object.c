/*
 * Tokens of objects: see object.h.
 */
#include "object.h"

#include "common/hmac.h"
#include "common/sha2.h"
#include "utils/builtins.h"

#include "base64url.h"
#include "compat.h"

HERALD_FUNCTION(herald_object_token_sql);
HERALD_FUNCTION(herald_is_same_sql);

static bool
sign(const uint8 *key, const char *text, uint8 ret[PG_SHA256_DIGEST_LENGTH])
{
    pg_hmac_ctx *context = pg_hmac_create(PG_SHA256);
    bool done = context != NULL && pg_hmac_init(context, key, HERALD_OBJECT_KEY_SIZE) >= 0 &&
                pg_hmac_update(context, (const uint8 *) text, strlen(text)) >= 0 &&
                pg_hmac_final(context, ret, PG_SHA256_DIGEST_LENGTH) >= 0;

    if (context != NULL)
        pg_hmac_free(context);
    return done;
}

bool
herald_object_token(const uint8 key[HERALD_OBJECT_KEY_SIZE], const pg_uuid_t *id, int64 until,
                    char ret[HERALD_OBJECT_TOKEN_SIZE])
{
    uint8 signature[PG_SHA256_DIGEST_LENGTH];
    char name[HERALD_BASE64URL_SIZE(UUID_LEN)];
    char tail[HERALD_BASE64URL_SIZE(PG_SHA256_DIGEST_LENGTH)];
    size_t length;

    herald_base64url(id->data, UUID_LEN, name, sizeof(name));
    length = (size_t) snprintf(ret, HERALD_OBJECT_TOKEN_SIZE, "%s." INT64_FORMAT, name, until);
    if (!sign(key, ret, signature))
        return false;
    herald_base64url(signature, sizeof(signature), tail, sizeof(tail));
    snprintf(ret + length, HERALD_OBJECT_TOKEN_SIZE - length, ".%s", tail);
    return true;
}

Datum
herald_object_token_sql(PG_FUNCTION_ARGS)
{
    bytea *key = PG_GETARG_BYTEA_PP(0);
    char token[HERALD_OBJECT_TOKEN_SIZE];

    if (VARSIZE_ANY_EXHDR(key) != HERALD_OBJECT_KEY_SIZE)
        ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("key must have 32 bytes"));
    if (!herald_object_token((const uint8 *) VARDATA_ANY(key), PG_GETARG_UUID_P(1),
                             PG_GETARG_INT64(2), token))
        ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not sign the token"));
    PG_RETURN_TEXT_P(cstring_to_text(token));
}

/* Takes the same time wherever two texts of one length differ. */
Datum
herald_is_same_sql(PG_FUNCTION_ARGS)
{
    text *a = PG_GETARG_TEXT_PP(0);
    text *b = PG_GETARG_TEXT_PP(1);
    size_t length = VARSIZE_ANY_EXHDR(a);
    volatile uint8 difference = 0;

    if (length != VARSIZE_ANY_EXHDR(b))
        PG_RETURN_BOOL(false);
    for (size_t i = 0; i < length; i++)
        difference |= (uint8) (VARDATA_ANY(a)[i] ^ VARDATA_ANY(b)[i]);
    PG_RETURN_BOOL(difference == 0);
}
