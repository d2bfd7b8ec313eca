/* A digest over the sorted parameters, in hexadecimal digits. */
#include "providers/vonage_signature.h"

#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/crypto.h"

#define TEXT_BYTES_MAX 65536
#define DIGEST_BYTES_MAX 64
#define MD5_BYTES 16

/* md5hash is no HMAC: the secret ends the text. */
static const char md5_hash[] = "md5hash";

static const struct
{
    const char *method;
    enum crypto_hash hash;
} hmacs[] = {
    { "md5", CRYPTO_MD5 },
    { "sha1", CRYPTO_SHA1 },
    { "sha256", CRYPTO_SHA256 },
    { "sha512", CRYPTO_SHA512 },
};

bool
vonage_is_method(const char *method)
{
    for (size_t i = 0; i < sizeof(hmacs) / sizeof(hmacs[0]); i++)
    {
        if (strcmp(hmacs[i].method, method) == 0)
        {
            return true;
        }
    }
    return strcmp(method, md5_hash) == 0;
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(((const struct vonage_parameter *) a)->name,
                  ((const struct vonage_parameter *) b)->name);
}

/* &name=value of each, without & and = in values. */
static void
append_parameters(struct buf *out, const struct vonage_parameter *parameters, size_t count)
{
    for (size_t i = 0; i < count; i++)
    {
        buf_printf(out, "&%s=", parameters[i].name);
        for (const char *p = parameters[i].value; *p != '\0'; p++)
        {
            buf_putc(out, *p == '&' || *p == '=' ? '_' : *p);
        }
    }
}

static size_t
digest(struct buf *text, const char *method, const char *secret, uint8_t ret[DIGEST_BYTES_MAX])
{
    size_t len = 0;

    if (strcmp(method, md5_hash) == 0)
    {
        buf_puts(text, secret);
        return crypto_md5(text->data, text->len, ret) ? MD5_BYTES : 0;
    }
    for (size_t i = 0; i < sizeof(hmacs) / sizeof(hmacs[0]); i++)
    {
        if (strcmp(hmacs[i].method, method) == 0)
        {
            len = crypto_hmac(hmacs[i].hash, secret, strlen(secret), text->data, text->len, ret);
        }
    }
    return len;
}

const char *
vonage_sign(struct arena *arena, const char *method, const char *secret,
            struct vonage_parameter *parameters, size_t count)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t bytes[DIGEST_BYTES_MAX];
    struct buf text;
    size_t len;
    char *ret;

    qsort(parameters, count, sizeof(*parameters), compare_names);
    buf_init(&text, TEXT_BYTES_MAX);
    append_parameters(&text, parameters, count);
    len = digest(&text, method, secret, bytes);
    crypto_wipe(text.data, text.len);
    buf_finish(&text);
    ret = arena_alloc(arena, 2 * len + 1);
    for (size_t i = 0; i < len; i++)
    {
        ret[2 * i] = hex[bytes[i] >> 4];
        ret[2 * i + 1] = hex[bytes[i] & 15];
    }
    return len > 0 ? ret : NULL;
}
