/* Webhook receivers: POST /hooks/{name}, JSON signed the Standard Webhooks way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "core/json.h"
#include "sandbox/double.h"

#define PREFIX "/hooks/"
#define BODY_MAX 1048576
#define CLOCK_SKEW_S 300
#define SECRET "WEBHOOK_SECRET"
#define SECRET_PREFIX "whsec_"

static void
answer(struct double_reply *reply, struct arena *arena, int status, const char *text)
{
    reply_body(reply, status, "application/json", arena_printf(arena, "{\"error\":\"%s\"}", text));
}

static bool
refuse(struct double_reply *reply, struct arena *arena, int status, const char *violation)
{
    answer(reply, arena, status, violation);
    reply->decision = DECISION_REFUSE;
    reply->violation = violation;
    return false;
}

static bool
check_envelope(const struct double_request *request, struct arena *arena,
               struct double_reply *reply)
{
    const char *problem = NULL;

    if (strcmp(request->method, "POST") != 0)
    {
        return refuse(reply, arena, 405, "the method is not POST");
    }
    if (request->path[strlen(PREFIX)] == '\0')
    {
        return refuse(reply, arena, 404, "the hook has no name");
    }
    if (request_duplicate(request) != NULL)
    {
        return refuse(reply, arena, 400, "a header occurs twice");
    }
    if (!request_has_type(request, "application/json"))
    {
        return refuse(reply, arena, 415, "content-type is not application/json");
    }
    json_destroy(json_parse(request->body, request->body_len, &problem));
    if (problem != NULL)
    {
        return refuse(reply, arena, 400, "the body is not JSON");
    }
    return true;
}

/* One of the space-separated "v1,BASE64" entries matches. */
static bool
has_signature(const char *list, const char *expected)
{
    size_t len = strlen(expected);

    while (*list != '\0')
    {
        size_t entry = strcspn(list, " ");

        if (entry == len + 3 && strncmp(list, "v1,", 3) == 0 &&
            crypto_equal(list + 3, expected, len))
        {
            return true;
        }
        list += entry + (list[entry] == ' ');
    }
    return false;
}

static bool
check_signature(const struct double_env *env, const struct double_request *request,
                struct arena *arena, struct double_reply *reply)
{
    const char *id = request_header(request, "webhook-id");
    const char *timestamp = request_header(request, "webhook-timestamp");
    const char *signature = request_header(request, "webhook-signature");
    uint8_t *key;
    size_t key_len;
    char *text;
    size_t prefix;
    uint8_t mac[32];

    if (id == NULL || timestamp == NULL || signature == NULL)
    {
        return refuse(reply, arena, 401,
                      "webhook-id, webhook-timestamp or webhook-signature is missing");
    }
    if (id[0] == '\0' || strchr(id, '.') != NULL)
    {
        return refuse(reply, arena, 400, "webhook-id is empty or has a dot");
    }
    if (strspn(timestamp, "0123456789") != strlen(timestamp) || strlen(timestamp) > 12 ||
        llabs(strtoll(timestamp, NULL, 10) - env->now_us / 1000000) > CLOCK_SKEW_S)
    {
        return refuse(reply, arena, 401, "webhook-timestamp is not within five minutes");
    }
    key = crypto_base64_decode(
        arena, credentials_secret(env->credentials, SECRET, arena) + strlen(SECRET_PREFIX),
        &key_len);
    prefix = strlen(id) + strlen(timestamp) + 2;
    text = arena_alloc(arena, prefix + request->body_len + 1);
    snprintf(text, prefix + 1, "%s.%s.", id, timestamp);
    memcpy(text + prefix, request->body, request->body_len);
    crypto_hmac_sha256(key, key_len, text, prefix + request->body_len, mac);
    if (!has_signature(signature, crypto_base64(arena, mac, sizeof(mac))))
    {
        return refuse(reply, arena, 401, "webhook-signature is wrong");
    }
    return true;
}

/* The id stands for one body for ever. */
static bool
check_repeat(struct double_env *env, const struct double_request *request, struct arena *arena,
             struct double_reply *reply)
{
    uint8_t digest[32];
    struct idmap_entry *entry;
    bool fresh;

    crypto_sha256(request->body, request->body_len, digest);
    entry = idmap_enter(env->ids, request->path, reply->id, &fresh);
    if (entry == NULL)
    {
        return true;
    }
    if (fresh)
    {
        memcpy(entry->value, digest, sizeof(digest));
    }
    else if (memcmp(entry->value, digest, sizeof(digest)) != 0)
    {
        return refuse(reply, arena, 409, "webhook-id was used with another body");
    }
    return true;
}

static void
webhook_judge(struct double_env *env, struct double_conn *conn,
              const struct double_request *request, struct arena *arena, struct double_reply *ret)
{
    (void) conn;
    ret->address = request->path + strlen(PREFIX);
    ret->id = request_header(request, "webhook-id");
    if (check_envelope(request, arena, ret) && check_signature(env, request, arena, ret) &&
        check_repeat(env, request, arena, ret))
    {
        reply_body(ret, 200, "application/json", "{\"received\":true}");
    }
}

static void
webhook_fail(struct double_env *env, int status, struct arena *arena, struct double_reply *ret)
{
    (void) env;
    answer(ret, arena, status == STATUS_UNREGISTERED ? 410 : status,
           status == STATUS_UNREGISTERED ? "gone" : "refused by the sandbox");
}

/* The document that stands in the envelope as its last member. */
static const char *
document_of(const struct double_request *request, struct arena *arena)
{
    static const char member[] = "\"data\":";
    const char *at = strstr(request->body, member);
    size_t left = at != NULL ? strlen(at) : 0;

    return left <= strlen(member)
               ? NULL
               : arena_strndup(arena, at + strlen(member), left - strlen(member) - 1);
}

static void
webhook_render(const struct double_request *request, struct arena *arena, struct rendered *ret)
{
    if (strncmp(request->path, PREFIX, strlen(PREFIX)) == 0)
    {
        ret->to = request->path + strlen(PREFIX);
    }
    ret->data = arena_strndup(arena, request->body, request->body_len);
    ret->content = document_of(request, arena);
}

static void
webhook_fast(uint64_t number, const char *id, char *text, size_t size, struct double_reply *ret)
{
    (void) number;
    (void) id;
    (void) text;
    (void) size;
    reply_body(ret, 200, "application/json", "{\"received\":true}");
}

const struct sandbox_double double_webhook = {
    .name = "webhook",
    .prefix = PREFIX,
    .body_max = BODY_MAX,
    .account = "https://HOST:PORT/hooks/NAME",
    .secrets = { { SECRET, SECRET_PREFIX, SECRET_BASE64 } },
    .judge = webhook_judge,
    .fail = webhook_fail,
    .render = webhook_render,
    .fast = webhook_fast,
};
