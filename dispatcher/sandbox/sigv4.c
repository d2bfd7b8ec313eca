/* The checks in the order in which AWS makes them. */
#include "sandbox/sigv4.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/buf.h"
#include "core/crypto.h"

#define ALGORITHM "AWS4-HMAC-SHA256 "
#define CLOCK_SKEW_S 300
#define DIGEST_BYTES 32
#define CANONICAL_BYTES_MAX 262144

/* The Authorization header, taken apart. */
struct authorization
{
    const char *key_id;
    const char *date; /* YYYYMMDD */
    const char *region;
    const char *service;
    const char *end;
    const char *scope; /* date/region/service/aws4_request */
    const char *signed_headers;
    const char *signature;
};

/* What follows name= up to the next comma; NULL when it is missing. */
static const char *
find_part(struct arena *arena, const char *text, const char *name)
{
    const char *at = strstr(text, name);

    return at == NULL ? NULL
                      : arena_strndup(arena, at + strlen(name), strcspn(at + strlen(name), ","));
}

static enum sigv4_verdict
read_authorization(const struct double_request *request, struct arena *arena,
                   struct authorization *ret, const char **ret_message)
{
    const char *text = request_header(request, "authorization");
    const char *credential;
    const char *fields[5];
    size_t count = 0;

    if (text == NULL || strncmp(text, ALGORITHM, strlen(ALGORITHM)) != 0)
    {
        *ret_message = "Missing Authentication Token";
        return SIGV4_MISSING;
    }
    credential = find_part(arena, text, "Credential=");
    ret->signed_headers = find_part(arena, text, "SignedHeaders=");
    ret->signature = find_part(arena, text, "Signature=");
    for (const char *p = credential; p != NULL && count < 5; count++)
    {
        size_t len = strcspn(p, "/");

        fields[count] = arena_strndup(arena, p, len);
        p = p[len] == '/' ? p + len + 1 : NULL;
    }
    if (count != 5 || ret->signed_headers == NULL || ret->signature == NULL)
    {
        *ret_message = "Credential, SignedHeaders and Signature must be there";
        return SIGV4_INCOMPLETE;
    }
    ret->key_id = fields[0];
    ret->date = fields[1];
    ret->region = fields[2];
    ret->service = fields[3];
    ret->end = fields[4];
    ret->scope = credential + strlen(fields[0]) + 1;
    return SIGV4_RIGHT;
}

static enum sigv4_verdict
check_scope(const struct sigv4_rules *rules, const struct authorization *given, struct arena *arena,
            const char **ret_message)
{
    if (strcmp(given->service, rules->service) != 0 || strcmp(given->end, "aws4_request") != 0)
    {
        *ret_message = arena_printf(arena, "Credential should be scoped to correct service: '%s'.",
                                    rules->service);
        return SIGV4_WRONG_SCOPE;
    }
    if (rules->region != NULL && strcmp(given->region, rules->region) != 0)
    {
        *ret_message = arena_printf(arena, "the region is wrong; expecting '%s'", rules->region);
        return SIGV4_WRONG_SCOPE;
    }
    return SIGV4_RIGHT;
}

/* Permanent keys come alone, temporary ones with their token. */
static enum sigv4_verdict
check_key(const struct double_env *env, const struct double_request *request,
          const struct sigv4_rules *rules, const struct authorization *given, struct arena *arena,
          const char **ret_message)
{
    const char *token = request_header(request, "x-amz-security-token");
    bool temporary = rules->temporary_id != NULL && strcmp(given->key_id, rules->temporary_id) == 0;

    *ret_message = "The security token included in the request is invalid.";
    if (!temporary && strcmp(given->key_id, rules->key_id) != 0)
    {
        return SIGV4_UNKNOWN_KEY;
    }
    if (temporary
            ? token == NULL || strcmp(token, credentials_secret(env->credentials,
                                                                rules->session_token, arena)) != 0
            : token != NULL)
    {
        return SIGV4_WRONG_TOKEN;
    }
    return SIGV4_RIGHT;
}

static enum sigv4_verdict
check_clock(const struct double_env *env, const struct double_request *request,
            const struct authorization *given, const char **ret_message)
{
    const char *text = request_header(request, "x-amz-date");
    struct tm tm = { 0 };
    const char *end = text == NULL ? NULL : strptime(text, "%Y%m%dT%H%M%SZ", &tm);
    int64_t skew;

    if (end == NULL || *end != '\0' || strncmp(text, given->date, 8) != 0 ||
        strlen(given->date) != 8)
    {
        *ret_message = "Date must be in ISO-8601 'basic format', the same as in Credential";
        return SIGV4_INCOMPLETE;
    }
    skew = timegm(&tm) - env->now_us / 1000000;
    if (skew < -CLOCK_SKEW_S || skew > CLOCK_SKEW_S)
    {
        *ret_message = "Signature expired";
        return SIGV4_SKEWED;
    }
    return SIGV4_RIGHT;
}

static char *
to_hex(struct arena *arena, const uint8_t *digest)
{
    char *ret = arena_alloc(arena, 2 * DIGEST_BYTES + 1);

    for (size_t i = 0; i < DIGEST_BYTES; i++)
    {
        snprintf(ret + 2 * i, 3, "%02x", digest[i]);
    }
    return ret;
}

char *
sigv4_hash(const struct double_request *request, struct arena *arena)
{
    uint8_t digest[DIGEST_BYTES];

    crypto_sha256(request->body, request->body_len, digest);
    return to_hex(arena, digest);
}

static const char *
signed_value(const struct double_request *request, const char *name)
{
    return strcmp(name, "host") == 0 ? request->authority : request_header(request, name);
}

/* The canonical request; NULL when a signed header is missing or they are not in order. */
static char *
canonical_request(const struct double_request *request, const char *names, const char *body_hash,
                  struct arena *arena)
{
    const char *last = "";
    struct buf out;
    char *ret = NULL;
    bool sound = true;

    buf_init(&out, CANONICAL_BYTES_MAX);
    buf_printf(&out, "%s\n%s\n%s\n", request->method, request->path, request->query);
    for (const char *p = names; *p != '\0' && sound;)
    {
        char *name = arena_strndup(arena, p, strcspn(p, ";"));
        const char *value = signed_value(request, name);

        sound = value != NULL && strcmp(last, name) < 0;
        buf_printf(&out, "%s:%s\n", name, value != NULL ? value : "");
        last = name;
        p += strlen(name);
        p += *p == ';';
    }
    buf_printf(&out, "\n%s\n%s", names, body_hash);
    if (sound && !out.overflow)
    {
        ret = arena_strndup(arena, out.data, out.len);
    }
    buf_finish(&out);
    return ret;
}

/* Host and all x-amz- headers must be covered. */
static bool
covers_enough(const struct double_request *request, const char *names, struct arena *arena)
{
    const char *list = arena_printf(arena, ";%s;", names);

    if (strstr(list, ";host;") == NULL)
    {
        return false;
    }
    for (size_t i = 0; i < request->header_count; i++)
    {
        const char *name = request->headers[i].name;

        if (strncmp(name, "x-amz-", 6) == 0 &&
            strstr(list, arena_printf(arena, ";%s;", name)) == NULL)
        {
            return false;
        }
    }
    return true;
}

/* What the secret makes of a canonical request. */
static const char *
sign(const struct double_env *env, const struct double_request *request,
     const struct sigv4_rules *rules, const struct authorization *given, const char *canonical,
     struct arena *arena)
{
    char *first =
        arena_printf(arena, "AWS4%s", credentials_secret(env->credentials, rules->secret, arena));
    const char *steps[] = { given->date, given->region, rules->service, "aws4_request", NULL };
    uint8_t key[DIGEST_BYTES];
    uint8_t digest[DIGEST_BYTES];
    size_t len = strlen(first);

    crypto_sha256(canonical, strlen(canonical), digest);
    steps[4] =
        arena_printf(arena, "AWS4-HMAC-SHA256\n%s\n%s\n%s", request_header(request, "x-amz-date"),
                     given->scope, to_hex(arena, digest));
    for (size_t i = 0; i < 5; i++)
    {
        crypto_hmac_sha256(i == 0 ? (const void *) first : key, len, steps[i], strlen(steps[i]),
                           digest);
        memcpy(key, digest, sizeof(key));
        len = sizeof(key);
    }
    return to_hex(arena, key);
}

static enum sigv4_verdict
check_signature(const struct double_env *env, const struct double_request *request,
                const struct sigv4_rules *rules, const struct authorization *given,
                const char *body_hash, struct arena *arena, const char **ret_message)
{
    char *canonical = canonical_request(request, given->signed_headers, body_hash, arena);

    if (canonical == NULL || !covers_enough(request, given->signed_headers, arena))
    {
        *ret_message = "'Host', 'X-Amz-Date' and all 'x-amz-' headers must be signed, in order";
        return SIGV4_WRONG_SIGNATURE;
    }
    *ret_message = "The request signature we calculated does not match the signature you provided.";
    return strcmp(sign(env, request, rules, given, canonical, arena), given->signature) == 0
               ? SIGV4_RIGHT
               : SIGV4_WRONG_SIGNATURE;
}

enum sigv4_verdict
sigv4_verify(const struct double_env *env, const struct double_request *request,
             const struct sigv4_rules *rules, const char *body_hash, struct arena *arena,
             const char **ret_message)
{
    struct authorization given;
    enum sigv4_verdict ret = read_authorization(request, arena, &given, ret_message);

    if (ret == SIGV4_RIGHT)
    {
        ret = check_scope(rules, &given, arena, ret_message);
    }
    if (ret == SIGV4_RIGHT)
    {
        ret = check_key(env, request, rules, &given, arena, ret_message);
    }
    if (ret == SIGV4_RIGHT)
    {
        ret = check_clock(env, request, &given, ret_message);
    }
    if (ret == SIGV4_RIGHT)
    {
        ret = check_signature(env, request, rules, &given, body_hash, arena, ret_message);
    }
    return ret;
}
