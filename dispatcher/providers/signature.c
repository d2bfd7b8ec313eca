/* HMAC-SHA256 over id, timestamp and body. */
#include "providers/signature.h"

#include <string.h>

#include "core/buf.h"
#include "core/crypto.h"

#define SECRET_PREFIX "whsec_"
#define KEY_BYTES_MIN 24
#define KEY_BYTES_MAX 64
#define SECRETS_MAX 8
#define DIGEST_BYTES 32

/* Append the signature with one secret. */
static bool
append_signature(struct buf *out, struct arena *arena, const char *secret, const char *content,
                 size_t len)
{
    uint8_t digest[DIGEST_BYTES];
    uint8_t *key = NULL;
    size_t key_len = 0;
    bool usable;

    if (strncmp(secret, SECRET_PREFIX, strlen(SECRET_PREFIX)) == 0)
    {
        key = crypto_base64_decode(arena, secret + strlen(SECRET_PREFIX), &key_len);
    }
    usable = key != NULL && key_len >= KEY_BYTES_MIN && key_len <= KEY_BYTES_MAX;
    if (usable)
    {
        crypto_hmac_sha256(key, key_len, content, len, digest);
        buf_printf(out, "%sv1,%s", out->len > 0 ? " " : "",
                   crypto_base64(arena, digest, sizeof(digest)));
    }
    if (key != NULL)
    {
        crypto_wipe(key, key_len);
    }
    return usable;
}

char *
signature_make(struct arena *arena, const char *secrets, const char *id, int64_t timestamp_s,
               const char *body, size_t len, const char **reterr)
{
    const char *head = arena_printf(arena, "%s.%lld.", id, (long long) timestamp_s);
    size_t head_len = strlen(head);
    char *content = arena_alloc(arena, head_len + len + 1);
    struct buf out;
    size_t count = 0;
    bool usable = true;
    char *ret = NULL;

    memcpy(content, head, head_len);
    memcpy(content + head_len, body, len);
    buf_init(&out, 1024);
    while (usable && *(secrets += strspn(secrets, " ")) != '\0')
    {
        size_t secret_len = strcspn(secrets, " ");
        char *secret = arena_strndup(arena, secrets, secret_len);

        usable = ++count <= SECRETS_MAX &&
                 append_signature(&out, arena, secret, content, head_len + len);
        crypto_wipe(secret, secret_len);
        secrets += secret_len;
    }
    if (usable && count > 0)
    {
        ret = arena_strdup(arena, out.data);
    }
    else
    {
        *reterr = "it must be one to eight secrets of the form whsec_ and base64 of 24 to 64 "
                  "bytes, separated by blanks";
    }
    buf_finish(&out);
    return ret;
}
