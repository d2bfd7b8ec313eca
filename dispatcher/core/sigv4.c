/*
 * Signature Version 4 of AWS: a canonical form of the request is hashed, and the hash signed with a
 * key that is derived for one day, region and service.
 */
#include "core/sigv4.h"

#include <stdlib.h>
#include <string.h>

#include "core/body.h"
#include "core/buf.h"
#include "core/civil.h"
#include "core/crypto.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define DIGEST_BYTES 32
#define CANONICAL_BYTES_MAX 131072
#define DATE_CHARS 8

static char *
hex(struct arena *arena, const uint8_t digest[DIGEST_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    char *ret = arena_alloc(arena, 2 * DIGEST_BYTES + 1);

    for (size_t i = 0; i < DIGEST_BYTES; i++)
    {
        ret[2 * i] = digits[digest[i] >> 4];
        ret[2 * i + 1] = digits[digest[i] & 15];
    }
    return ret;
}

static char *
hash(struct arena *arena, const char *text)
{
    uint8_t digest[DIGEST_BYTES];

    crypto_sha256(text, strlen(text), digest);
    return hex(arena, digest);
}

/* Of the body: what x-amz-content-sha256 says, for whoever knows it. */
static const char *
hash_body(struct arena *arena, const struct wire_request *request)
{
    uint8_t digest[DIGEST_BYTES];

    for (size_t i = 0; i < request->header_count; i++)
    {
        if (strcmp(request->headers[i].name, "x-amz-content-sha256") == 0)
        {
            return request->headers[i].value;
        }
    }
    body_sha256(request, digest);
    return hex(arena, digest);
}

static void
hmac(uint8_t key[DIGEST_BYTES], const char *text)
{
    uint8_t digest[DIGEST_BYTES];

    crypto_hmac_sha256(key, DIGEST_BYTES, text, strlen(text), digest);
    memcpy(key, digest, sizeof(digest));
    crypto_wipe(digest, sizeof(digest));
}

/* Sign with the key that is derived from the secret for this date, region and service. */
static char *
sign(struct arena *arena, const struct sigv4_account *account, const char *date, const char *text)
{
    char *first = arena_printf(arena, "AWS4%s", account->secret_access_key);
    uint8_t key[DIGEST_BYTES];
    char *ret;

    crypto_hmac_sha256(first, strlen(first), date, strlen(date), key);
    crypto_wipe(first, strlen(first));
    hmac(key, account->region);
    hmac(key, account->service);
    hmac(key, "aws4_request");
    hmac(key, text);
    ret = hex(arena, key);
    crypto_wipe(key, sizeof(key));
    return ret;
}

/* The host as the request's Host header has it: with its port unless it is the usual one. */
static const char *
read_host(struct arena *arena, const char *url, const char **ret_path)
{
    bool tls = strncmp(url, "https://", 8) == 0;
    const char *host = strstr(url, "://") + 3;
    const char *usual = tls ? ":443" : ":80";
    size_t len = strcspn(host, "/");
    size_t usual_len = strlen(usual);

    *ret_path = host[len] == '\0' ? "/" : host + len;
    if (len > usual_len && strncmp(host + len - usual_len, usual, usual_len) == 0)
    {
        len -= usual_len;
    }
    return arena_strndup(arena, host, len);
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(((const struct wire_header *) a)->name, ((const struct wire_header *) b)->name);
}

/* The path as it is signed: what is percent-encoded already is so once more. */
static void
append_path(struct buf *out, const char *path)
{
    for (; *path != '\0'; path++)
    {
        buf_putc(out, *path);
        if (*path == '%')
        {
            buf_puts(out, "25");
        }
    }
}

/*
 * The canonical request; *ret_names is the list of what is signed. NULL when it is larger than its
 * ceiling.
 */
static char *
make_canonical(struct arena *arena, const struct wire_request *request, const char **ret_names)
{
    struct wire_header headers[WIRE_HEADERS_MAX + 1];
    size_t count = request->header_count;
    const char *path;
    struct buf out;
    struct buf names;
    char *ret = NULL;

    memcpy(headers, request->headers, count * sizeof(headers[0]));
    headers[count++] = (struct wire_header){ "host", read_host(arena, request->url, &path) };
    qsort(headers, count, sizeof(headers[0]), compare_names);
    buf_init(&out, CANONICAL_BYTES_MAX);
    buf_init(&names, CANONICAL_BYTES_MAX);
    buf_printf(&out, "%s\n", request->method);
    append_path(&out, path);
    buf_puts(&out, "\n\n");
    for (size_t i = 0; i < count; i++)
    {
        buf_printf(&out, "%s:%s\n", headers[i].name, headers[i].value);
        buf_printf(&names, "%s%s", i > 0 ? ";" : "", headers[i].name);
    }
    buf_printf(&out, "\n%s\n%s", names.data, hash_body(arena, request));
    if (!out.overflow)
    {
        ret = arena_strdup(arena, out.data);
        *ret_names = arena_strdup(arena, names.data);
    }
    buf_finish(&out);
    buf_finish(&names);
    return ret;
}

const char *
sigv4_sign(struct wire_request *request, const struct sigv4_account *account, int64_t now_s,
           struct arena *arena)
{
    static const char malformed[] = "a header to sign holds a control character";
    struct civil_time t = civil_from_seconds(now_s);
    const char *time = arena_printf(arena, "%04d%02d%02dT%02d%02d%02dZ", t.year, t.month, t.day,
                                    t.hour, t.minute, t.second);
    const char *date = arena_strndup(arena, time, DATE_CHARS);
    const char *scope =
        arena_printf(arena, "%s/%s/%s/aws4_request", date, account->region, account->service);
    const char *names;
    const char *canonical;
    const char *to_sign;

    if (!wire_add_header(request, "x-amz-date", time) ||
        (account->session_token != NULL &&
         !wire_add_header(request, "x-amz-security-token", account->session_token)))
    {
        return malformed;
    }
    canonical = make_canonical(arena, request, &names);
    if (canonical == NULL)
    {
        return "the headers to sign are larger than 128 KB";
    }
    to_sign = arena_printf(arena, ALGORITHM "\n%s\n%s\n%s", time, scope, hash(arena, canonical));
    return wire_add_header(request, "authorization",
                           arena_printf(arena,
                                        ALGORITHM " Credential=%s/%s, SignedHeaders=%s, "
                                                  "Signature=%s",
                                        account->access_key_id, scope, names,
                                        sign(arena, account, date, to_sign)))
               ? NULL
               : malformed;
}
