/* A push service and the browser behind it: POST /push/{name}, VAPID, aes128gcm. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "core/json.h"
#include "sandbox/double.h"
#include "sandbox/schema.h"

#define PREFIX "/push/"
#define MESSAGE_MAX 4096
#define TTL_MAX 2592000
#define TOPIC_MAX 32
#define TOKEN_LIFE_MAX_S 86400
#define SALT_BYTES 16
#define KEY_AT 21
#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

/* Numbers of errors as Mozilla's push service has them. */
enum error_number
{
    ERROR_NOT_FOUND = 102,
    ERROR_TOO_LARGE = 104,
    ERROR_UNSUBSCRIBED = 106,
    ERROR_AUTHORIZATION = 109,
    ERROR_ENCRYPTION = 110,
    ERROR_NO_TTL = 111,
    ERROR_BAD_TTL = 112,
    ERROR_BAD_TOPIC = 113,
    ERROR_BUSY = 201,
    ERROR_OTHER = 999
};

/* A request while it is judged. */
struct push
{
    struct double_env *env;
    const struct double_request *request;
    struct arena *arena;
    struct double_reply *reply;
};

static void
answer_error(struct double_reply *reply, struct arena *arena, int status, int number,
             const char *text)
{
    reply_body(
        reply, status, "application/json",
        arena_printf(arena, "{\"code\":%d,\"errno\":%d,\"message\":\"%s\"}", status, number, text));
}

static bool
refuse(struct push *push, int status, enum error_number number, const char *violation)
{
    answer_error(push->reply, push->arena, status, (int) number, violation);
    push->reply->decision = DECISION_REFUSE;
    push->reply->violation = violation;
    return false;
}

/* ---- headers ---- */

static bool
check_envelope(struct push *push)
{
    const char *name = push->request->path + strlen(PREFIX);
    const char *duplicate = request_duplicate(push->request);

    push->reply->address = name;
    if (strcmp(push->request->method, "POST") != 0)
    {
        return refuse(push, 405, ERROR_NOT_FOUND, "the method is not POST");
    }
    if (*name == '\0' || strchr(name, '/') != NULL || push->request->query[0] != '\0')
    {
        return refuse(push, 404, ERROR_NOT_FOUND, "the path is not /push/NAME");
    }
    if (duplicate != NULL)
    {
        return refuse(push, 400, ERROR_OTHER, "a header occurs twice");
    }
    if (push->request->body_len > MESSAGE_MAX)
    {
        return refuse(push, 413, ERROR_TOO_LARGE, "the message has more than 4096 bytes");
    }
    return true;
}

static bool
check_options(struct push *push)
{
    const char *ttl = request_header(push->request, "ttl");
    const char *urgency = request_header(push->request, "urgency");
    const char *topic = request_header(push->request, "topic");

    if (ttl == NULL)
    {
        return refuse(push, 400, ERROR_NO_TTL, "TTL is missing");
    }
    if (*ttl == '\0' || strspn(ttl, "0123456789") != strlen(ttl) || strlen(ttl) > 10 ||
        strtoll(ttl, NULL, 10) > TTL_MAX)
    {
        return refuse(push, 400, ERROR_BAD_TTL, "TTL is not seconds of at most 30 days");
    }
    if (urgency != NULL && strcmp(urgency, "very-low") != 0 && strcmp(urgency, "low") != 0 &&
        strcmp(urgency, "normal") != 0 && strcmp(urgency, "high") != 0)
    {
        return refuse(push, 400, ERROR_OTHER, "Urgency is none of very-low, low, normal and high");
    }
    if (topic != NULL &&
        (*topic == '\0' || strlen(topic) > TOPIC_MAX || strspn(topic, BASE64URL) != strlen(topic)))
    {
        return refuse(push, 400, ERROR_BAD_TOPIC, "Topic is not 1 to 32 characters of base64url");
    }
    return true;
}

/* ---- VAPID ---- */

/* What is wrong with the token's claims, or NULL. */
static const char *
check_claims(const struct push *push, const json *claims)
{
    const char *aud = json_get_string(claims, "aud");
    const char *sub = json_get_string(claims, "sub");
    int64_t left_s = json_get_int(claims, "exp", 0) - push->env->now_us / 1000000;

    if (aud == NULL ||
        strcmp(aud, arena_printf(push->arena, "https://%s", push->request->authority)) != 0)
    {
        return "aud is not the origin of the endpoint";
    }
    if (!schema_is_integer(claims, "exp") || left_s <= 0 || left_s > TOKEN_LIFE_MAX_S)
    {
        return "exp does not lie within the next 24 hours";
    }
    if (sub == NULL || (strncmp(sub, "mailto:", 7) != 0 && strncmp(sub, "https://", 8) != 0) ||
        strpbrk(sub, " <>") != NULL || strstr(sub, "localhost") != NULL)
    {
        return "sub is not a mailto: or https: URI";
    }
    return NULL;
}

static bool
check_token(struct push *push, const char *token)
{
    const char *problem;
    char *header;
    char *claims;
    json *head;
    json *body;

    if (!crypto_jwt_verify(push->arena, JWT_ES256, token, push->env->credentials->vapid_public,
                           &header, &claims))
    {
        return refuse(push, 401, ERROR_AUTHORIZATION, "the signature of the token is wrong");
    }
    head = json_parse(header, strlen(header), NULL);
    body = json_parse(claims, strlen(claims), NULL);
    problem =
        json_get_string(head, "alg") == NULL || strcmp(json_get_string(head, "alg"), "ES256") != 0
            ? "alg is not ES256"
            : check_claims(push, body);
    json_destroy(head);
    json_destroy(body);
    return problem == NULL || refuse(push, 401, ERROR_AUTHORIZATION, problem);
}

/* "vapid t=JWT, k=KEY", and the key is the one that the browser subscribed with. */
static bool
check_authorization(struct push *push)
{
    const char *value = request_header(push->request, "authorization");
    const char *comma = value != NULL ? strstr(value, ", k=") : NULL;
    const char *error = NULL;
    uint8_t key[CRYPTO_POINT_BYTES];

    if (comma == NULL || strncmp(value, "vapid t=", 8) != 0)
    {
        return refuse(push, 401, ERROR_AUTHORIZATION, "authorization is not vapid t=JWT, k=KEY");
    }
    if (!crypto_public_point(push->env->credentials->vapid_key, key, &error) ||
        strcmp(comma + 4, crypto_base64url(push->arena, key, sizeof(key))) != 0)
    {
        return refuse(push, 403, ERROR_AUTHORIZATION,
                      "the key does not correspond to that of the subscription");
    }
    return check_token(push, arena_strndup(push->arena, value + 8, (size_t) (comma - value) - 8));
}

/* ---- the message ---- */

/* Salt and key of the sender serve once. */
static bool
check_fresh(struct push *push)
{
    const uint8_t *body = (const uint8_t *) push->request->body;
    const char *salt = crypto_base64url(push->arena, body, SALT_BYTES);
    const char *key = crypto_base64url(push->arena, body + KEY_AT, CRYPTO_POINT_BYTES);
    bool fresh_salt = true;
    bool fresh_key = true;

    idmap_enter(push->env->ids, "webpush salt", salt, &fresh_salt);
    idmap_enter(push->env->ids, "webpush key", key, &fresh_key);
    if (!fresh_salt || !fresh_key)
    {
        return refuse(push, 400, ERROR_ENCRYPTION, "salt or key were used before");
    }
    return true;
}

/* As the browser would: it drops what it cannot decrypt without a word to anybody. */
static bool
check_message(struct push *push)
{
    const char *encoding = request_header(push->request, "content-encoding");
    const struct credentials *credentials = push->env->credentials;
    size_t len;

    if (encoding == NULL || strcmp(encoding, "aes128gcm") != 0)
    {
        return refuse(push, 400, ERROR_ENCRYPTION, "content-encoding is not aes128gcm");
    }
    push->reply->plaintext =
        crypto_push_decrypt(push->arena, credentials->browser_key, credentials->browser_auth,
                            (const uint8_t *) push->request->body, push->request->body_len, &len);
    if (push->reply->plaintext == NULL)
    {
        return refuse(push, 400, ERROR_ENCRYPTION, "the browser cannot decrypt the message");
    }
    return check_fresh(push);
}

static void
webpush_judge(struct double_env *env, struct double_conn *conn,
              const struct double_request *request, struct arena *arena, struct double_reply *ret)
{
    struct push push = { .env = env, .request = request, .arena = arena, .reply = ret };

    (void) conn;
    if (check_envelope(&push) && check_options(&push) && check_authorization(&push) &&
        check_message(&push))
    {
        reply_body(ret, 201, "text/plain", "");
        reply_header(ret, "location",
                     arena_printf(arena, "https://%s/message/%s", request->authority,
                                  random_hex(arena, 16)));
        reply_header(ret, "ttl", request_header(request, "ttl"));
    }
}

static void
webpush_fail(struct double_env *env, int status, struct arena *arena, struct double_reply *ret)
{
    (void) env;
    if (status == STATUS_UNREGISTERED || status == 410)
    {
        answer_error(ret, arena, 410, ERROR_UNSUBSCRIBED, "the subscription is gone");
    }
    else if (status == 404)
    {
        answer_error(ret, arena, status, ERROR_NOT_FOUND, "there is no such endpoint");
    }
    else if (status == 401 || status == 403)
    {
        answer_error(ret, arena, status, ERROR_AUTHORIZATION, "refused by the sandbox");
    }
    else
    {
        answer_error(ret, arena, status, status == 503 ? ERROR_BUSY : ERROR_OTHER,
                     "refused by the sandbox");
    }
}

static void
webpush_render(const struct double_request *request, struct arena *arena, struct rendered *ret)
{
    json *root = json_parse(request->body, request->body_len, NULL);

    if (strncmp(request->path, PREFIX, strlen(PREFIX)) == 0)
    {
        ret->to = request->path + strlen(PREFIX);
    }
    if (root != NULL)
    {
        ret->title = arena_strdup(arena, json_get_string(root, "title"));
        ret->body = arena_strdup(arena, json_get_string(root, "body"));
        ret->data = arena_strdup(arena, request->body);
    }
    json_destroy(root);
}

static void
webpush_fast(uint64_t number, const char *id, char *text, size_t size, struct double_reply *ret)
{
    (void) id;
    snprintf(text, size, "https://localhost/message/%llu", (unsigned long long) number);
    reply_body(ret, 201, "text/plain", "");
    reply_header(ret, "location", text);
}

const struct sandbox_double double_webpush = {
    .name = "webpush",
    .prefix = PREFIX,
    .body_max = 65536,
    .account = "subscription in browser.json, endpoint https://HOST:PORT" PREFIX "NAME",
    .judge = webpush_judge,
    .fail = webpush_fail,
    .render = webpush_render,
    .fast = webpush_fast,
};
