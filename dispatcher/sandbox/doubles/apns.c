/* APNs: POST /3/device/{token}, HTTP/2 only, signed with a provider token. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "core/json.h"
#include "sandbox/double.h"
#include "sandbox/schema.h"

#define PREFIX "/3/device/"
#define PAYLOAD_MAX 4096
#define PAYLOAD_VOIP_MAX 5120
#define COLLAPSE_ID_MAX 64
#define TOKEN_AGE_MAX_S 3600
#define TOKEN_CHANGE_MIN_S 1200
#define EXPIRATION_MAX 9999999999LL /* more digits are milliseconds */
#define DAY_MS 86400000LL

/* What follows the bundle id in the topic. */
static const struct push_type
{
    const char *name;
    const char *suffix;
} push_types[] = {
    { "alert", "" },
    { "background", "" },
    { "voip", ".voip" },
    { "complication", ".complication" },
    { "fileprovider", ".pushkit.fileprovider" },
    { "liveactivity", ".push-type.liveactivity" },
    { "location", ".location-query" },
    { "pushtotalk", ".voip-ptt" },
    { "widgets", ".push-type.widgets" },
    { "controls", ".push-type.controls" },
};

static const char *const known_headers[] = {
    "authorization",   "apns-topic",       "apns-push-type", "apns-priority",
    "apns-expiration", "apns-collapse-id", "apns-id",        "content-type",
    "content-length",  "user-agent",       "accept",         "accept-encoding",
};

static const struct schema alert_schema[] = {
    { "title", SCHEMA_STRING, NULL },
    { "subtitle", SCHEMA_STRING, NULL },
    { "body", SCHEMA_STRING, NULL },
    { "launch-image", SCHEMA_STRING, NULL },
    { "title-loc-key", SCHEMA_STRING, NULL },
    { "title-loc-args", SCHEMA_LIST, NULL },
    { "subtitle-loc-key", SCHEMA_STRING, NULL },
    { "subtitle-loc-args", SCHEMA_LIST, NULL },
    { "loc-key", SCHEMA_STRING, NULL },
    { "loc-args", SCHEMA_LIST, NULL },
    { "action", SCHEMA_STRING, NULL },
    { "action-loc-key", SCHEMA_STRING, NULL },
    { 0 },
};

static const struct schema aps_schema[] = {
    { "alert", SCHEMA_ANY, NULL },
    { "badge", SCHEMA_INTEGER, NULL },
    { "sound", SCHEMA_ANY, NULL },
    { "thread-id", SCHEMA_STRING, NULL },
    { "category", SCHEMA_STRING, NULL },
    { "content-available", SCHEMA_INTEGER, NULL },
    { "mutable-content", SCHEMA_INTEGER, NULL },
    { "target-content-id", SCHEMA_STRING, NULL },
    { "interruption-level", SCHEMA_STRING, NULL },
    { "relevance-score", SCHEMA_NUMBER, NULL },
    { "filter-criteria", SCHEMA_STRING, NULL },
    { "stale-date", SCHEMA_INTEGER, NULL },
    { "content-state", SCHEMA_OBJECT, NULL },
    { "timestamp", SCHEMA_INTEGER, NULL },
    { "event", SCHEMA_STRING, NULL },
    { "dismissal-date", SCHEMA_INTEGER, NULL },
    { "attributes-type", SCHEMA_STRING, NULL },
    { "attributes", SCHEMA_OBJECT, NULL },
    { "input-push-channel", SCHEMA_STRING, NULL },
    { "input-push-token", SCHEMA_INTEGER, NULL },
    { "url-args", SCHEMA_LIST, NULL },
    { 0 },
};

/* A request while it is judged. */
struct push
{
    struct double_env *env;
    struct double_conn *conn;
    const struct double_request *request;
    struct arena *arena;
    struct double_reply *reply;
    const struct push_type *type;
};

static void
answer_reason(struct double_reply *reply, struct arena *arena, int status, const char *reason,
              int64_t timestamp_ms)
{
    const char *text = timestamp_ms != 0
                           ? arena_printf(arena, "{\"reason\":\"%s\",\"timestamp\":%lld}", reason,
                                          (long long) timestamp_ms)
                           : arena_printf(arena, "{\"reason\":\"%s\"}", reason);

    reply_body(reply, status, "application/json", text);
}

static bool
refuse(struct push *push, int status, const char *reason, const char *violation)
{
    answer_reason(push->reply, push->arena, status, reason, 0);
    push->reply->decision = DECISION_REFUSE;
    push->reply->violation = violation;
    return false;
}

static bool
is_uuid(const char *text)
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

    if (strlen(text) != sizeof(shape) - 1)
    {
        return false;
    }
    for (size_t i = 0; shape[i] != '\0'; i++)
    {
        if (shape[i] == '-' ? text[i] != '-' : strchr("0123456789abcdef", text[i]) == NULL)
        {
            return false;
        }
    }
    return true;
}

static bool
is_digits(const char *text)
{
    return text[0] != '\0' && strlen(text) <= 18 && strspn(text, "0123456789") == strlen(text);
}

/* ---- connection, path, headers ---- */

static bool
check_path(struct push *push)
{
    const char *token = push->request->path + strlen(PREFIX);
    size_t len = strlen(token);

    push->reply->address = token;
    if (!push->request->http2)
    {
        return refuse(push, 505, "BadPath", "APNs speaks HTTP/2 only");
    }
    if (push->request->query[0] != '\0' || len == 0 || strchr(token, '/') != NULL)
    {
        return refuse(push, 404, "BadPath", "the path is not /3/device/TOKEN");
    }
    if (strcmp(push->request->method, "POST") != 0)
    {
        return refuse(push, 405, "MethodNotAllowed", "the method is not POST");
    }
    if (strspn(token, "0123456789abcdefABCDEF") != len || len % 2 != 0)
    {
        return refuse(push, 400, "BadDeviceToken", "the token is not hexadecimal");
    }
    return true;
}

static bool
check_headers(struct push *push)
{
    const char *duplicate = request_duplicate(push->request);
    const char *id = request_header(push->request, "apns-id");

    if (duplicate != NULL)
    {
        return refuse(push, 400, "DuplicateHeaders",
                      arena_printf(push->arena, "header %s occurs twice", duplicate));
    }
    for (size_t i = 0; i < push->request->header_count; i++)
    {
        const char *name = push->request->headers[i].name;
        size_t known = 0;

        while (known < sizeof(known_headers) / sizeof(known_headers[0]) &&
               strcmp(name, known_headers[known]) != 0)
        {
            known++;
        }
        if (known == sizeof(known_headers) / sizeof(known_headers[0]))
        {
            return refuse(push, 400, "BadRequestParams",
                          arena_printf(push->arena, "unknown header %.64s", name));
        }
    }
    if (id != NULL && !is_uuid(id))
    {
        return refuse(push, 400, "BadMessageId", "apns-id is not a lower-case UUID");
    }
    if (request_header(push->request, "content-type") != NULL &&
        !request_has_type(push->request, "application/json"))
    {
        return refuse(push, 400, "BadRequestPayload", "content-type is not application/json");
    }
    push->reply->id = id;
    return true;
}

/* ---- the provider token ---- */

static const char *
check_claims(const struct push *push, const char *header, const char *claims, int64_t *ret_iat,
             const char **ret_reason)
{
    json *head = json_parse(header, strlen(header), NULL);
    json *body = json_parse(claims, strlen(claims), NULL);
    const char *kid = json_get_string(head, "kid");
    const char *iss = json_get_string(body, "iss");
    const char *problem = NULL;

    (void) push;
    *ret_reason = "InvalidProviderToken";
    if (kid == NULL || strcmp(kid, SANDBOX_APNS_KID) != 0)
    {
        problem = "kid is not that of the sandbox's key";
    }
    else if (iss == NULL || strcmp(iss, SANDBOX_APNS_TEAM) != 0)
    {
        problem = "iss is not the sandbox's team";
    }
    else if (!schema_is_integer(body, "iat"))
    {
        problem = "iat is not an integer";
    }
    else if (json_get(body, "exp") != NULL || json_get(body, "aud") != NULL ||
             json_get(body, "sub") != NULL)
    {
        problem = "the token has claims besides iss and iat";
    }
    *ret_iat = json_get_int(body, "iat", 0);
    json_destroy(head);
    json_destroy(body);
    return problem;
}

/* Signature and claims; what was verified last is remembered by its digest. */
static bool
verify_token(struct push *push, const char *token, const uint8_t digest[32])
{
    struct double_env *env = push->env;
    const char *reason;
    const char *problem;
    char *header;
    char *claims;
    int64_t iat;

    if (memcmp(env->jwt_verified, digest, 32) != 0)
    {
        if (!crypto_jwt_verify(push->arena, JWT_ES256, token, env->credentials->apns_public,
                               &header, &claims))
        {
            return refuse(push, 403, "InvalidProviderToken", "the signature is wrong");
        }
        problem = check_claims(push, header, claims, &iat, &reason);
        if (problem != NULL)
        {
            return refuse(push, 403, reason, problem);
        }
        memcpy(env->jwt_verified, digest, 32);
        env->jwt_verified_iat = iat;
    }
    iat = env->jwt_verified_iat;
    if (iat > env->now_us / 1000000)
    {
        return refuse(push, 403, "InvalidProviderToken", "iat lies in the future");
    }
    if (iat < env->now_us / 1000000 - TOKEN_AGE_MAX_S)
    {
        return refuse(push, 403, "ExpiredProviderToken", "iat is older than an hour");
    }
    return true;
}

/* A connection may see a new token every 20 minutes; the one before may still trickle in. */
static bool
check_token_change(struct push *push, const uint8_t digest[32])
{
    struct double_conn *conn = push->conn;
    int64_t now_s = push->env->now_us / 1000000;

    if (conn->jwt_since_s != 0 &&
        (memcmp(conn->jwt, digest, 32) == 0 || memcmp(conn->jwt_before, digest, 32) == 0))
    {
        return true;
    }
    if (conn->jwt_since_s != 0 && now_s - conn->jwt_since_s < TOKEN_CHANGE_MIN_S)
    {
        return refuse(push, 429, "TooManyProviderTokenUpdates",
                      "two provider tokens within 20 minutes on one connection");
    }
    memcpy(conn->jwt_before, conn->jwt, 32);
    memcpy(conn->jwt, digest, 32);
    conn->jwt_since_s = now_s;
    return true;
}

static bool
check_authorization(struct push *push)
{
    const char *value = request_header(push->request, "authorization");
    uint8_t digest[32];

    if (value == NULL)
    {
        return refuse(push, 403, "MissingProviderToken", "authorization is missing");
    }
    if (strncmp(value, "bearer ", 7) != 0)
    {
        return refuse(push, 403, "InvalidProviderToken", "authorization is not \"bearer JWT\"");
    }
    value += 7;
    crypto_sha256(value, strlen(value), digest);
    return verify_token(push, value, digest) && check_token_change(push, digest);
}

/* ---- apns-* headers ---- */

static bool
check_type_and_topic(struct push *push)
{
    const char *type = request_header(push->request, "apns-push-type");
    const char *topic = request_header(push->request, "apns-topic");
    size_t base = strlen(SANDBOX_APNS_TOPIC);

    if (topic == NULL || topic[0] == '\0')
    {
        return refuse(push, 400, "MissingTopic", "apns-topic is missing");
    }
    for (size_t i = 0; type != NULL && i < sizeof(push_types) / sizeof(push_types[0]); i++)
    {
        if (strcmp(type, push_types[i].name) == 0)
        {
            push->type = &push_types[i];
        }
    }
    if (push->type == NULL)
    {
        return refuse(push, 400, "InvalidPushType", "apns-push-type is missing or unknown");
    }
    if (strncmp(topic, SANDBOX_APNS_TOPIC, base) != 0 ||
        (topic[base] != '\0' && topic[base] != '.'))
    {
        return refuse(push, 400, "TopicDisallowed", "the topic is not that of the sandbox's app");
    }
    if (strcmp(topic + base, push->type->suffix) != 0)
    {
        return refuse(push, 400, "BadTopic", "the topic's suffix does not match the push type");
    }
    return true;
}

static bool
check_options(struct push *push)
{
    const char *priority = request_header(push->request, "apns-priority");
    const char *expiration = request_header(push->request, "apns-expiration");
    const char *collapse = request_header(push->request, "apns-collapse-id");

    if (priority != NULL && strcmp(priority, "10") != 0 && strcmp(priority, "5") != 0 &&
        strcmp(priority, "1") != 0)
    {
        return refuse(push, 400, "BadPriority", "apns-priority is not 10, 5 or 1");
    }
    if (strcmp(push->type->name, "background") == 0 &&
        (priority == NULL || strcmp(priority, "5") != 0))
    {
        return refuse(push, 400, "BadPriority", "background pushes need priority 5");
    }
    if (strcmp(push->type->name, "alert") == 0 && priority != NULL && strcmp(priority, "1") == 0)
    {
        return refuse(push, 400, "BadPriority", "alert pushes have priority 10 or 5");
    }
    if (expiration != NULL &&
        (!is_digits(expiration) || strtoll(expiration, NULL, 10) > EXPIRATION_MAX))
    {
        return refuse(push, 400, "BadExpirationDate", "apns-expiration is not epoch seconds");
    }
    if (collapse != NULL && strlen(collapse) > COLLAPSE_ID_MAX)
    {
        return refuse(push, 400, "BadCollapseId", "apns-collapse-id has more than 64 bytes");
    }
    return true;
}

/* ---- payload ---- */

static bool
is_push_type(const struct push *push, const char *name)
{
    return strcmp(push->type->name, name) == 0;
}

static bool
is_one_of(const char *const *words, const char *text)
{
    while (*words != NULL && strcmp(*words, text) != 0)
    {
        words++;
    }
    return *words != NULL;
}

/* Seconds since 1970, if it is there at all. */
static bool
is_time(const json *object, const char *key)
{
    int64_t value = json_get_int(object, key, 0);

    return value >= 0 && value <= EXPIRATION_MAX;
}

/* How loud it is. */
static const char *
check_presentation(const struct push *push, const json *aps)
{
    static const char *const levels[] = { "passive", "active", "time-sensitive", "critical", NULL };
    const char *level = json_get_string(aps, "interruption-level");
    double score = json_get_number(aps, "relevance-score", 0);

    if (level != NULL && !is_one_of(levels, level))
    {
        return "aps.interruption-level: is not passive, active, time-sensitive or critical";
    }
    if (!is_push_type(push, "liveactivity") && (score < 0 || score > 1))
    {
        return "aps.relevance-score: does not lie between 0 and 1";
    }
    if (json_get_int(aps, "mutable-content", 1) != 1 ||
        json_get_int(aps, "content-available", 1) != 1)
    {
        return "aps.mutable-content and aps.content-available are 1 or absent";
    }
    return NULL;
}

static const char *
check_live_activity(const struct push *push, const json *aps)
{
    static const char *const members[] = { "event",           "timestamp",  "content-state",
                                           "attributes-type", "attributes", "dismissal-date",
                                           "stale-date",      NULL };
    static const char *const events[] = { "start", "update", "end", NULL };
    const char *event = json_get_string(aps, "event");
    bool start;

    if (!is_push_type(push, "liveactivity"))
    {
        for (size_t i = 0; members[i] != NULL; i++)
        {
            if (json_get(aps, members[i]) != NULL)
            {
                return "members of a live activity in a push of another type";
            }
        }
        return NULL;
    }
    if (event == NULL || !is_one_of(events, event))
    {
        return "aps.event: is not start, update or end";
    }
    if (json_get(aps, "timestamp") == NULL || !is_time(aps, "timestamp") ||
        !is_time(aps, "stale-date") || !is_time(aps, "dismissal-date"))
    {
        return "aps.timestamp is missing, or a time is not in epoch seconds";
    }
    if (strcmp(event, "end") != 0 && json_get(aps, "content-state") == NULL)
    {
        return "aps.content-state: is missing";
    }
    start = strcmp(event, "start") == 0;
    if ((json_get(aps, "attributes-type") != NULL) != start ||
        (json_get(aps, "attributes") != NULL) != start)
    {
        return "aps.attributes and aps.attributes-type belong to the event start";
    }
    return NULL;
}

static const char *
check_aps(const struct push *push, const json *aps)
{
    const json *alert = json_get(aps, "alert");
    const json *sound = json_get(aps, "sound");
    bool visible = alert != NULL || sound != NULL || json_get(aps, "badge") != NULL;
    const char *problem;
    struct schema_error error;

    if (!schema_check(aps_schema, aps, "aps", false, push->arena, &error) ||
        (json_is_object(alert) &&
         !schema_check(alert_schema, alert, "aps.alert", false, push->arena, &error)))
    {
        return arena_printf(push->arena, "%.64s: %s", error.field, error.problem);
    }
    if (alert != NULL && !json_is_string(alert) && !json_is_object(alert))
    {
        return "aps.alert: must be a string or an object";
    }
    if (sound != NULL && !json_is_string(sound) && !json_is_object(sound))
    {
        return "aps.sound: must be a string or an object";
    }
    if (json_get_int(aps, "badge", 0) < 0)
    {
        return "aps.badge: must not be negative";
    }
    if (is_push_type(push, "background") &&
        (visible || json_get_int(aps, "content-available", 0) != 1))
    {
        return "a background push has content-available 1 and nothing to show";
    }
    if (is_push_type(push, "alert") && !visible)
    {
        return "an alert push shows something: alert, badge or sound";
    }
    problem = check_presentation(push, aps);
    return problem != NULL ? problem : check_live_activity(push, aps);
}

static bool
check_payload(struct push *push)
{
    size_t max = strcmp(push->type->name, "voip") == 0 ? PAYLOAD_VOIP_MAX : PAYLOAD_MAX;
    const char *problem = NULL;
    json *payload;

    if (push->request->body_len == 0)
    {
        return refuse(push, 400, "PayloadEmpty", "the payload is empty");
    }
    if (push->request->body_len > max)
    {
        return refuse(push, 413, "PayloadTooLarge",
                      arena_printf(push->arena, "the payload has %zu bytes, %zu are allowed",
                                   push->request->body_len, max));
    }
    payload = json_parse(push->request->body, push->request->body_len, NULL);
    if (!json_is_object(payload))
    {
        problem = "the payload is not a JSON object";
    }
    else if (!json_is_object(json_get(payload, "aps")))
    {
        problem = "the payload has no aps object";
    }
    else
    {
        problem = check_aps(push, json_get(payload, "aps"));
    }
    json_destroy(payload);
    return problem == NULL || refuse(push, 400, "BadRequestPayload", problem);
}

/* ---- tokens with a meaning ---- */

static bool
answer_magic(struct push *push, int status, const char *reason, int64_t timestamp_ms)
{
    answer_reason(push->reply, push->arena, status, reason, timestamp_ms);
    push->reply->decision = DECISION_FAULT;
    push->reply->fault = reason;
    return false;
}

static bool
check_token(struct push *push)
{
    const char *token = push->reply->address;
    bool development = strncmp(token, "5a", 2) == 0;
    int64_t now_ms = push->env->now_us / 1000;

    if (development != push->env->apns_sandbox)
    {
        return refuse(push, 400, "BadDeviceToken", "the token belongs to the other environment");
    }
    if (strncmp(token, "dead", 4) == 0)
    {
        return answer_magic(push, 410, "Unregistered", now_ms);
    }
    if (strncmp(token, "de1d", 4) == 0)
    {
        return answer_magic(push, 410, "Unregistered", now_ms - DAY_MS);
    }
    if (strncmp(token, "bad0", 4) == 0)
    {
        return answer_magic(push, 400, "BadDeviceToken", 0);
    }
    if (strncmp(token, "0ff0", 4) == 0)
    {
        return answer_magic(push, 400, "DeviceTokenNotForTopic", 0);
    }
    return true;
}

static void
apns_judge(struct double_env *env, struct double_conn *conn, const struct double_request *request,
           struct arena *arena, struct double_reply *ret)
{
    struct push push = { env, conn, request, arena, ret, NULL };
    const char *id = request_header(request, "apns-id");

    reply_header(ret, "apns-id", id != NULL && is_uuid(id) ? id : random_uuid(arena));
    if (env->apns_sandbox)
    {
        reply_header(ret, "apns-unique-id", random_uuid(arena));
    }
    ret->status = 200;
    if (!check_path(&push) || !check_headers(&push) || !check_authorization(&push) ||
        !check_type_and_topic(&push) || !check_options(&push) || !check_payload(&push) ||
        !check_token(&push))
    {
        return;
    }
    if (conn->successes == 0 && conn->streams > 1)
    {
        ret->violation = "more than one stream before the first success on a connection";
    }
}

static void
apns_fail(struct double_env *env, int status, struct arena *arena, struct double_reply *ret)
{
    reply_header(ret, "apns-id", random_uuid(arena));
    if (status == STATUS_UNREGISTERED)
    {
        answer_reason(ret, arena, 410, "Unregistered", env->now_us / 1000);
    }
    else if (status == 429)
    {
        answer_reason(ret, arena, status, "TooManyRequests", 0);
    }
    else if (status == 503)
    {
        answer_reason(ret, arena, status, "ServiceUnavailable", 0);
    }
    else if (status >= 500)
    {
        answer_reason(ret, arena, status, "InternalServerError", 0);
    }
    else if (status == 410)
    {
        answer_reason(ret, arena, status, "ExpiredToken", env->now_us / 1000);
    }
    else if (status == 413)
    {
        answer_reason(ret, arena, status, "PayloadTooLarge", 0);
    }
    else if (status == 401 || status == 403)
    {
        answer_reason(ret, arena, status, "InvalidProviderToken", 0);
    }
    else
    {
        answer_reason(ret, arena, status, "BadDeviceToken", 0);
    }
}

static void
apns_render(const struct double_request *request, struct arena *arena, struct rendered *ret)
{
    json *payload = json_parse(request->body, request->body_len, NULL);
    const json *alert = json_get(json_get(payload, "aps"), "alert");
    size_t len;

    if (strncmp(request->path, PREFIX, strlen(PREFIX)) == 0)
    {
        ret->to = request->path + strlen(PREFIX);
    }
    ret->title = arena_strdup(arena, json_get_string(alert, "title"));
    ret->subject = arena_strdup(arena, json_get_string(alert, "subtitle"));
    ret->body = arena_strdup(arena, json_is_string(alert) ? json_string(alert)
                                                          : json_get_string(alert, "body"));
    if (payload != NULL)
    {
        ret->data = json_print(arena, payload, &len);
    }
    json_destroy(payload);
}

static void
apns_fast(uint64_t number, const char *id, char *text, size_t size, struct double_reply *ret)
{
    if (id[0] != '\0')
    {
        snprintf(text, size, "%s", id);
    }
    else
    {
        snprintf(text, size, "%08x-0000-4000-a000-%012llx", 0u, (unsigned long long) number);
    }
    ret->status = 200;
    reply_header(ret, "apns-id", text);
}

const struct sandbox_double double_apns = {
    .name = "apns",
    .account = "key id " SANDBOX_APNS_KID ", team " SANDBOX_APNS_TEAM ", topic " SANDBOX_APNS_TOPIC,
    .prefix = PREFIX,
    .body_max = 65536,
    .judge = apns_judge,
    .fail = apns_fail,
    .render = apns_render,
    .fast = apns_fast,
};
