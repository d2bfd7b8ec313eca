/* FCM HTTP v1: POST /v1/projects/{project}/messages:send, and the OAuth token endpoint /token. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/crypto.h"
#include "core/json.h"
#include "sandbox/double.h"
#include "sandbox/schema.h"
#include "sandbox/text.h"

#define PREFIX "/v1/projects/"
#define SEND_PATH PREFIX SANDBOX_FCM_PROJECT "/messages:send"
#define SCOPE "https://www.googleapis.com/auth/firebase.messaging"
#define GRANT_TYPE "urn:ietf:params:oauth:grant-type:jwt-bearer"
#define TOKEN_PREFIX "ya29.sandbox-"
#define TOKEN_VALID_S 3599
#define ASSERTION_VALID_MAX_S 3600
#define PAYLOAD_MAX 4096
#define ADDRESS_MAX 4096
#define TTL_MAX_S 2419200
#define TOPICS_MAX 5
#define TOPIC_CHARACTERS "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.~%"
#define LABEL_MAX 50

static const struct schema label_schema[] = { { "analytics_label", SCHEMA_STRING, NULL }, { 0 } };

static const struct schema apns_options_schema[] = { { "analytics_label", SCHEMA_STRING, NULL },
                                                     { "image", SCHEMA_STRING, NULL },
                                                     { 0 } };

static const struct schema webpush_options_schema[] = { { "analytics_label", SCHEMA_STRING, NULL },
                                                        { "link", SCHEMA_STRING, NULL },
                                                        { 0 } };

static const struct schema notification_schema[] = { { "title", SCHEMA_STRING, NULL },
                                                     { "body", SCHEMA_STRING, NULL },
                                                     { "image", SCHEMA_STRING, NULL },
                                                     { 0 } };

static const struct schema android_notification_schema[] = {
    { "title", SCHEMA_STRING, NULL },
    { "body", SCHEMA_STRING, NULL },
    { "icon", SCHEMA_STRING, NULL },
    { "color", SCHEMA_STRING, NULL },
    { "sound", SCHEMA_STRING, NULL },
    { "tag", SCHEMA_STRING, NULL },
    { "click_action", SCHEMA_STRING, NULL },
    { "body_loc_key", SCHEMA_STRING, NULL },
    { "body_loc_args", SCHEMA_LIST, NULL },
    { "title_loc_key", SCHEMA_STRING, NULL },
    { "title_loc_args", SCHEMA_LIST, NULL },
    { "channel_id", SCHEMA_STRING, NULL },
    { "ticker", SCHEMA_STRING, NULL },
    { "sticky", SCHEMA_BOOLEAN, NULL },
    { "event_time", SCHEMA_STRING, NULL },
    { "local_only", SCHEMA_BOOLEAN, NULL },
    { "notification_priority", SCHEMA_STRING, NULL },
    { "default_sound", SCHEMA_BOOLEAN, NULL },
    { "default_vibrate_timings", SCHEMA_BOOLEAN, NULL },
    { "vibrate_timings", SCHEMA_LIST, NULL },
    { "default_light_settings", SCHEMA_BOOLEAN, NULL },
    { "light_settings", SCHEMA_OBJECT, NULL },
    { "visibility", SCHEMA_STRING, NULL },
    { "notification_count", SCHEMA_INTEGER, NULL },
    { "image", SCHEMA_STRING, NULL },
    { "proxy", SCHEMA_STRING, NULL },
    { 0 },
};

static const struct schema android_schema[] = {
    { "collapse_key", SCHEMA_STRING, NULL },
    { "priority", SCHEMA_STRING, NULL },
    { "ttl", SCHEMA_STRING, NULL },
    { "restricted_package_name", SCHEMA_STRING, NULL },
    { "data", SCHEMA_STRINGS, NULL },
    { "notification", SCHEMA_OBJECT, android_notification_schema },
    { "direct_boot_ok", SCHEMA_BOOLEAN, NULL },
    { "bandwidth_constrained_ok", SCHEMA_BOOLEAN, NULL },
    { "restricted_satellite_ok", SCHEMA_BOOLEAN, NULL },
    { "fcm_options", SCHEMA_OBJECT, label_schema },
    { 0 },
};

static const struct schema apns_schema[] = { { "headers", SCHEMA_STRINGS, NULL },
                                             { "payload", SCHEMA_OBJECT, NULL },
                                             { "fcm_options", SCHEMA_OBJECT, apns_options_schema },
                                             { "live_activity_token", SCHEMA_STRING, NULL },
                                             { 0 } };

static const struct schema webpush_schema[] = { { "headers", SCHEMA_STRINGS, NULL },
                                                { "data", SCHEMA_STRINGS, NULL },
                                                { "notification", SCHEMA_OBJECT, NULL },
                                                { "fcm_options", SCHEMA_OBJECT,
                                                  webpush_options_schema },
                                                { 0 } };

static const struct schema message_schema[] = {
    { "token", SCHEMA_STRING, NULL },
    { "topic", SCHEMA_STRING, NULL },
    { "condition", SCHEMA_STRING, NULL },
    { "data", SCHEMA_STRINGS, NULL },
    { "notification", SCHEMA_OBJECT, notification_schema },
    { "android", SCHEMA_OBJECT, android_schema },
    { "apns", SCHEMA_OBJECT, apns_schema },
    { "webpush", SCHEMA_OBJECT, webpush_schema },
    { "fcm_options", SCHEMA_OBJECT, label_schema },
    { 0 },
};

static const struct schema request_schema[] = { { "validate_only", SCHEMA_BOOLEAN, NULL },
                                                { "message", SCHEMA_OBJECT, message_schema },
                                                { 0 } };

/* A request while it is judged. */
struct send
{
    struct double_env *env;
    const struct double_request *request;
    struct arena *arena;
    struct double_reply *reply;
    const json *message;
};

/* ---- access tokens: "ya29.sandbox-EXPIRY-HMAC", so that nothing must be remembered ---- */

static char *
token_make(const struct double_env *env, struct arena *arena, int64_t expiry_s)
{
    const char *key = env->credentials->fcm_key;
    char *text = arena_printf(arena, "%lld", (long long) expiry_s);
    uint8_t mac[32];

    crypto_hmac_sha256(key, strlen(key), text, strlen(text), mac);
    return arena_printf(arena, TOKEN_PREFIX "%s-%s", text, crypto_base64url(arena, mac, 32));
}

static bool
token_is_valid(const struct double_env *env, struct arena *arena, const char *token)
{
    int64_t expiry_s;

    if (strncmp(token, TOKEN_PREFIX, strlen(TOKEN_PREFIX)) != 0)
    {
        return false;
    }
    expiry_s = strtoll(token + strlen(TOKEN_PREFIX), NULL, 10);
    return expiry_s > env->now_us / 1000000 && strcmp(token, token_make(env, arena, expiry_s)) == 0;
}

/* ---- error answers ---- */

/* code NULL: without FcmError; field NULL: without a field violation. */
static void
answer_error(struct double_reply *reply, struct arena *arena, int status, const char *canonical,
             const char *code, const char *message, const char *field)
{
    struct buf text;

    buf_init(&text, 65536);
    buf_printf(&text, "{\"error\":{\"code\":%d,\"message\":", status);
    text_append_json_string(&text, message);
    buf_printf(&text, ",\"status\":\"%s\"", canonical);
    if (code != NULL || field != NULL)
    {
        buf_puts(&text, ",\"details\":[");
    }
    if (code != NULL)
    {
        buf_printf(&text,
                   "{\"@type\":\"type.googleapis.com/google.firebase.fcm.v1.FcmError\","
                   "\"errorCode\":\"%s\"}",
                   code);
    }
    if (field != NULL)
    {
        buf_printf(&text,
                   "%s{\"@type\":\"type.googleapis.com/google.rpc.BadRequest\","
                   "\"fieldViolations\":[{\"field\":",
                   code != NULL ? "," : "");
        text_append_json_string(&text, field);
        buf_puts(&text, ",\"description\":");
        text_append_json_string(&text, message);
        buf_puts(&text, "}]}");
    }
    buf_puts(&text, code != NULL || field != NULL ? "]}}" : "}}");
    reply_body(reply, status, "application/json; charset=UTF-8",
               arena_strndup(arena, text.data, text.len));
    buf_finish(&text);
}

static bool
refuse_status(struct send *send, int status, const char *canonical, const char *message)
{
    answer_error(send->reply, send->arena, status, canonical, NULL, message, NULL);
    send->reply->decision = DECISION_REFUSE;
    send->reply->violation = message;
    return false;
}

/* 400 INVALID_ARGUMENT for a field of the message. */
static bool
refuse_field(struct send *send, const char *field, const char *message)
{
    answer_error(send->reply, send->arena, 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", message,
                 field);
    send->reply->decision = DECISION_REFUSE;
    send->reply->violation = arena_printf(send->arena, "%s: %s", field, message);
    return false;
}

/* ---- the envelope ---- */

static bool
check_envelope(struct send *send)
{
    const char *duplicate = request_duplicate(send->request);
    const char *value = request_header(send->request, "authorization");

    if (duplicate != NULL)
    {
        return refuse_status(send, 400, "INVALID_ARGUMENT",
                             arena_printf(send->arena, "Duplicate header %s", duplicate));
    }
    if (strcmp(send->request->method, "POST") != 0 ||
        strstr(send->request->path, "/messages:send") == NULL || send->request->query[0] != '\0')
    {
        reply_html(send->reply, 404, send->arena);
        send->reply->decision = DECISION_REFUSE;
        send->reply->violation = "neither POST nor the path of messages:send";
        return false;
    }
    if (value == NULL || strncmp(value, "Bearer ", 7) != 0 ||
        !token_is_valid(send->env, send->arena, value + 7))
    {
        return refuse_status(send, 401, "UNAUTHENTICATED",
                             "Request had invalid authentication credentials. Expected OAuth 2 "
                             "access token.");
    }
    if (strcmp(send->request->path, SEND_PATH) != 0)
    {
        return refuse_status(send, 403, "PERMISSION_DENIED",
                             "Permission denied on the resource project.");
    }
    if (!request_has_type(send->request, "application/json"))
    {
        return refuse_status(send, 400, "INVALID_ARGUMENT",
                             "Content-Type is not application/json.");
    }
    return true;
}

static bool
check_shape(struct send *send, const json *root)
{
    struct schema_error error;

    if (!json_is_object(root))
    {
        return refuse_status(send, 400, "INVALID_ARGUMENT",
                             "Invalid JSON payload received. Expected an object.");
    }
    if (!schema_check(request_schema, root, "", true, send->arena, &error))
    {
        if (!error.unknown)
        {
            return refuse_field(send, error.field, error.problem);
        }
        return refuse_field(
            send, error.field,
            arena_printf(
                send->arena,
                "Invalid JSON payload received. Unknown name \"%.64s\": Cannot find field.",
                error.field));
    }
    send->message = json_get(root, "message");
    return send->message != NULL || refuse_field(send, "message", "message is required.");
}

/* ---- the target ---- */

static bool
is_topic(const char *topic)
{
    return topic[0] != '\0' && strspn(topic, TOPIC_CHARACTERS) == strlen(topic);
}

/* An expression of topics while it is read. */
struct condition
{
    const char *at;
    int topics;
    int depth;
};

static bool
take(struct condition *condition, const char *token)
{
    condition->at += strspn(condition->at, " ");
    if (strncmp(condition->at, token, strlen(token)) != 0)
    {
        return false;
    }
    condition->at += strlen(token);
    return true;
}

/* 'NAME' in topics */
static bool
read_topic(struct condition *condition)
{
    size_t len;

    if (!take(condition, "'"))
    {
        return false;
    }
    len = strspn(condition->at, TOPIC_CHARACTERS);
    condition->at += len;
    condition->topics++;
    return len > 0 && *condition->at++ == '\'' && take(condition, "in ") &&
           take(condition, "topics");
}

/* Topics with ! and parentheses, between && and ||. */
static bool
read_condition(struct condition *condition)
{
    do
    {
        while (take(condition, "!"))
        {
        }
        if (take(condition, "("))
        {
            bool ok = ++condition->depth <= TOPICS_MAX && read_condition(condition) &&
                      take(condition, ")");

            condition->depth--;
            if (!ok)
            {
                return false;
            }
        }
        else if (!read_topic(condition))
        {
            return false;
        }
    } while (take(condition, "&&") || take(condition, "||"));
    return true;
}

static bool
is_condition(const char *text)
{
    struct condition condition = { text, 0, 0 };

    return read_condition(&condition) && condition.topics <= TOPICS_MAX &&
           condition.at[strspn(condition.at, " ")] == '\0';
}

static bool
check_target(struct send *send)
{
    const char *token = json_get_string(send->message, "token");
    const char *topic = json_get_string(send->message, "topic");
    const char *condition = json_get_string(send->message, "condition");
    int targets = (token != NULL) + (topic != NULL) + (condition != NULL);

    send->reply->address = arena_strdup(send->arena, token != NULL   ? token
                                                     : topic != NULL ? topic
                                                                     : condition);
    if (targets != 1)
    {
        return refuse_field(send, "message",
                            "Exactly one of token, topic or condition is required.");
    }
    if (topic != NULL && !is_topic(topic))
    {
        return refuse_field(send, "message.topic", "Malformed topic name");
    }
    if (condition != NULL && !is_condition(condition))
    {
        return refuse_field(send, "message.condition",
                            "Invalid condition expression: one to five topics are allowed.");
    }
    if (token != NULL &&
        (token[0] == '\0' || strlen(token) > ADDRESS_MAX || strpbrk(token, " \t\r\n") != NULL))
    {
        return refuse_field(send, "message.token",
                            "The registration token is not a valid FCM registration token");
    }
    return true;
}

/* ---- the content ---- */

static bool
find_reserved(const char *key, json *value, void *user)
{
    const char **found = user;

    (void) value;
    if (strcmp(key, "from") == 0 || strcmp(key, "message_type") == 0 ||
        strncmp(key, "google", 6) == 0 || strncmp(key, "gcm", 3) == 0)
    {
        *found = key;
    }
    return *found == NULL;
}

static bool
check_data(struct send *send, const json *data, const char *path)
{
    const char *reserved = NULL;

    json_each(data, find_reserved, &reserved);
    return reserved == NULL ||
           refuse_field(send, path,
                        arena_printf(send->arena, "Invalid data payload key: %.64s", reserved));
}

/* "3600s", "3.5s": seconds with an s, up to four weeks. */
static bool
is_ttl(const char *ttl)
{
    char *end;
    double value = strtod(ttl, &end);

    return ttl[0] >= '0' && ttl[0] <= '9' && strcmp(end, "s") == 0 &&
           strspn(ttl, "0123456789.") == (size_t) (end - ttl) && value >= 0 && value <= TTL_MAX_S;
}

static bool
is_color(const char *color)
{
    return strlen(color) == 7 && color[0] == '#' &&
           strspn(color + 1, "0123456789abcdefABCDEF") == 6;
}

static bool
check_android(struct send *send)
{
    static const char *const priorities[] = { "NORMAL", "HIGH", "normal", "high" };
    const json *android = json_get(send->message, "android");
    const char *ttl = json_get_string(android, "ttl");
    const char *priority = json_get_string(android, "priority");
    const char *color = json_get_string(json_get(android, "notification"), "color");
    bool known = priority == NULL;

    if (ttl != NULL && !is_ttl(ttl))
    {
        return refuse_field(send, "message.android.ttl",
                            "Illegal duration format; duration must end with 's' and lie between "
                            "0 and 2419200 seconds.");
    }
    for (size_t i = 0; !known && i < sizeof(priorities) / sizeof(priorities[0]); i++)
    {
        known = strcmp(priority, priorities[i]) == 0;
    }
    if (!known)
    {
        return refuse_field(send, "message.android.priority", "must be NORMAL or HIGH");
    }
    if (color != NULL && !is_color(color))
    {
        return refuse_field(send, "message.android.notification.color", "must be #rrggbb");
    }
    return true;
}

/* What goes to APNs is refused there, and FCM says so. */
static bool
check_apns(struct send *send)
{
    const json *apns = json_get(send->message, "apns");
    const json *headers = json_get(apns, "headers");
    const json *aps = json_get(json_get(apns, "payload"), "aps");
    const char *type = json_get_string(headers, "apns-push-type");
    const char *priority = json_get_string(headers, "apns-priority");
    bool background = type != NULL && strcmp(type, "background") == 0;

    if (priority != NULL && strcmp(priority, "10") != 0 && strcmp(priority, "5") != 0 &&
        strcmp(priority, "1") != 0)
    {
        return refuse_field(send, "message.apns.headers", "Invalid apns-priority");
    }
    if (background && (priority == NULL || strcmp(priority, "5") != 0 ||
                       json_get_int(aps, "content-available", 0) != 1 ||
                       json_get(send->message, "notification") != NULL))
    {
        return refuse_field(send, "message.apns.headers",
                            "A background push has priority 5, content-available 1 and no "
                            "notification");
    }
    if (json_get(apns, "live_activity_token") != NULL && json_get(aps, "event") == NULL)
    {
        return refuse_field(send, "message.apns.payload", "aps of a live activity has no event");
    }
    return true;
}

/* Labels of the message and of each block. */
static bool
check_labels(struct send *send)
{
    const json *places[] = { send->message, json_get(send->message, "android"),
                             json_get(send->message, "apns"), json_get(send->message, "webpush") };

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
    {
        const char *label = json_get_string(json_get(places[i], "fcm_options"), "analytics_label");

        if (label != NULL && (label[0] == '\0' || strlen(label) > LABEL_MAX ||
                              strspn(label, TOPIC_CHARACTERS) != strlen(label)))
        {
            return refuse_field(send, "fcm_options.analytics_label", "Invalid analytics label");
        }
    }
    return true;
}

/* Bytes of everything but the target, as compact JSON. */
static size_t
payload_size(struct send *send)
{
    static const char *const parts[] = { "data", "notification", "android", "apns", "webpush" };
    size_t size = 0;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
    {
        const json *part = json_get(send->message, parts[i]);
        size_t len = 0;

        if (part != NULL)
        {
            json_print(send->arena, part, &len);
        }
        size += len;
    }
    return size;
}

static bool
check_content(struct send *send)
{
    const json *android = json_get(send->message, "android");
    const json *webpush = json_get(send->message, "webpush");

    if (!check_data(send, json_get(send->message, "data"), "message.data") ||
        !check_data(send, json_get(android, "data"), "message.android.data") ||
        !check_data(send, json_get(webpush, "data"), "message.webpush.data"))
    {
        return false;
    }
    if (!check_android(send) || !check_apns(send) || !check_labels(send))
    {
        return false;
    }
    if (payload_size(send) > PAYLOAD_MAX)
    {
        return refuse_field(send, "message", "Android message is too big: more than 4096 bytes.");
    }
    return true;
}

/* Tokens with a meaning. */
static bool
check_magic(struct send *send)
{
    const char *token = json_get_string(send->message, "token");
    struct double_reply *reply = send->reply;

    if (token != NULL && strncmp(token, "bad-token", 9) == 0)
    {
        answer_error(reply, send->arena, 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT",
                     "The registration token is not a valid FCM registration token",
                     "message.token");
        reply->fault = "bad-token";
    }
    else if (token != NULL && strncmp(token, "other-sender", 12) == 0)
    {
        answer_error(reply, send->arena, 403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH",
                     "SenderId mismatch", NULL);
        reply->fault = "other-sender";
    }
    if (reply->fault != NULL)
    {
        reply->decision = DECISION_FAULT;
    }
    return reply->fault == NULL;
}

static void
fcm_judge(struct double_env *env, struct double_conn *conn, const struct double_request *request,
          struct arena *arena, struct double_reply *ret)
{
    struct send send = { env, request, arena, ret, NULL };
    json *root = json_parse(request->body, request->body_len, NULL);

    (void) conn;
    if (check_envelope(&send) && check_shape(&send, root))
    {
        const char *id = json_get_string(json_get(send.message, "data"), "nid");

        ret->id = arena_strdup(arena, id);
        if (check_target(&send) && check_content(&send) && check_magic(&send))
        {
            reply_body(ret, 200, "application/json; charset=UTF-8",
                       arena_printf(arena, "{\"name\":\"projects/%s/messages/0:%s\"}",
                                    SANDBOX_FCM_PROJECT, random_hex(arena, 24)));
        }
    }
    json_destroy(root);
}

static void
fcm_fail(struct double_env *env, int status, struct arena *arena, struct double_reply *ret)
{
    (void) env;
    if (status == STATUS_UNREGISTERED)
    {
        answer_error(ret, arena, 404, "NOT_FOUND", "UNREGISTERED",
                     "Requested entity was not found.", NULL);
    }
    else if (status == 429)
    {
        answer_error(ret, arena, status, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED",
                     "Quota exceeded for quota metric.", NULL);
    }
    else if (status == 503)
    {
        answer_error(ret, arena, status, "UNAVAILABLE", "UNAVAILABLE",
                     "The service is currently unavailable.", NULL);
    }
    else if (status >= 500)
    {
        answer_error(ret, arena, status, "INTERNAL", "INTERNAL", "Internal error encountered.",
                     NULL);
    }
    else if (status == 401)
    {
        answer_error(ret, arena, status, "UNAUTHENTICATED", NULL,
                     "Request had invalid authentication credentials.", NULL);
    }
    else if (status == 403)
    {
        answer_error(ret, arena, status, "PERMISSION_DENIED", NULL, "Permission denied.", NULL);
    }
    else if (status == 404)
    {
        answer_error(ret, arena, status, "NOT_FOUND", NULL, "Not found.", NULL);
    }
    else
    {
        answer_error(ret, arena, status, "INVALID_ARGUMENT", "INVALID_ARGUMENT",
                     "Request contains an invalid argument.", NULL);
    }
}

static void
fcm_render(const struct double_request *request, struct arena *arena, struct rendered *ret)
{
    json *root = json_parse(request->body, request->body_len, NULL);
    const json *message = json_get(root, "message");
    const json *shown = json_get(message, "notification");
    const json *android = json_get(json_get(message, "android"), "notification");
    const char *title = json_get_string(shown, "title");
    const char *body = json_get_string(shown, "body");
    const char *token = json_get_string(message, "token");
    const char *topic = json_get_string(message, "topic");
    size_t len;

    ret->to = arena_strdup(arena, token != NULL   ? token
                                  : topic != NULL ? topic
                                                  : json_get_string(message, "condition"));
    ret->title = arena_strdup(arena, title != NULL ? title : json_get_string(android, "title"));
    ret->body = arena_strdup(arena, body != NULL ? body : json_get_string(android, "body"));
    if (message != NULL)
    {
        ret->data = json_print(arena, message, &len);
    }
    json_destroy(root);
}

static void
fcm_fast(uint64_t number, const char *id, char *text, size_t size, struct double_reply *ret)
{
    (void) id;
    snprintf(text, size, "{\"name\":\"projects/" SANDBOX_FCM_PROJECT "/messages/0:%llu\"}",
             (unsigned long long) number);
    reply_body(ret, 200, "application/json; charset=UTF-8", text);
}

const struct sandbox_double double_fcm = {
    .name = "fcm",
    .account = "project " SANDBOX_FCM_PROJECT "; endpoint https://HOST:PORT, token at /token",
    .prefix = PREFIX,
    .body_max = 1024 * 1024,
    .judge = fcm_judge,
    .fail = fcm_fail,
    .render = fcm_render,
    .fast = fcm_fast,
};

/* ---- the token endpoint ---- */

static void
answer_grant_error(struct double_reply *reply, struct arena *arena, int status, const char *error,
                   const char *description)
{
    reply_body(
        reply, status, "application/json; charset=utf-8",
        arena_printf(arena, "{\"error\":\"%s\",\"error_description\":\"%s\"}", error, description));
}

/* What is wrong with the claims, or NULL. */
static const char *
check_claims(const struct double_env *env, const json *claims)
{
    const char *iss = json_get_string(claims, "iss");
    const char *scope = json_get_string(claims, "scope");
    const char *aud = json_get_string(claims, "aud");
    int64_t iat = json_get_int(claims, "iat", -1);
    int64_t exp = json_get_int(claims, "exp", -1);
    int64_t now_s = env->now_us / 1000000;

    if (iss == NULL || strcmp(iss, SANDBOX_FCM_EMAIL) != 0)
    {
        return "Invalid issuer: iss is not the service account.";
    }
    if (scope == NULL || strstr(scope, SCOPE) == NULL)
    {
        return "Invalid scope.";
    }
    if (aud == NULL || strcmp(aud, env->credentials->token_url) != 0)
    {
        return "Invalid audience: aud is not the token URL.";
    }
    if (iat < 0 || exp < 0)
    {
        return "Invalid JWT: iat and exp must be integers.";
    }
    if (exp - iat > ASSERTION_VALID_MAX_S || exp <= iat)
    {
        return "Invalid JWT: exp must be at most an hour behind iat.";
    }
    if (iat > now_s || exp <= now_s)
    {
        return "Invalid JWT: Token must be a short-lived token and in a reasonable timeframe.";
    }
    return NULL;
}

static const char *
check_assertion(const struct double_env *env, struct arena *arena, const char *assertion)
{
    const char *problem;
    char *header;
    char *claims_text;
    json *claims;

    if (!crypto_jwt_verify(arena, JWT_RS256, assertion, env->credentials->fcm_public, &header,
                           &claims_text))
    {
        return "Invalid JWT Signature.";
    }
    claims = json_parse(claims_text, strlen(claims_text), NULL);
    problem = check_claims(env, claims);
    json_destroy(claims);
    return problem;
}

static const char *
check_grant(const struct double_env *env, const struct double_request *request, struct arena *arena,
            const char **ret_error)
{
    size_t count;
    struct form_field *fields = form_parse(arena, request->body, request->body_len, &count);
    const char *grant = form_get(fields, count, "grant_type");
    const char *assertion = form_get(fields, count, "assertion");

    *ret_error = "invalid_request";
    if (strcmp(request->method, "POST") != 0 || strcmp(request->path, "/token") != 0)
    {
        return "POST /token is the only request.";
    }
    if (!request_has_type(request, "application/x-www-form-urlencoded"))
    {
        return "The body is not a form.";
    }
    if (request_duplicate(request) != NULL || count != 2)
    {
        return "Exactly grant_type and assertion are required.";
    }
    *ret_error = "unsupported_grant_type";
    if (grant == NULL || strcmp(grant, GRANT_TYPE) != 0)
    {
        return "Invalid grant_type.";
    }
    *ret_error = "invalid_grant";
    if (assertion == NULL)
    {
        return "Missing assertion.";
    }
    return check_assertion(env, arena, assertion);
}

static void
token_judge(struct double_env *env, struct double_conn *conn, const struct double_request *request,
            struct arena *arena, struct double_reply *ret)
{
    const char *error;
    const char *problem = check_grant(env, request, arena, &error);

    (void) conn;
    env->token_requests++;
    ret->address = SANDBOX_FCM_EMAIL;
    if (problem != NULL)
    {
        answer_grant_error(ret, arena, 400, error, problem);
        ret->decision = DECISION_REFUSE;
        ret->violation = problem;
        return;
    }
    reply_body(ret, 200, "application/json; charset=utf-8",
               arena_printf(arena,
                            "{\"access_token\":\"%s\",\"expires_in\":%d,"
                            "\"token_type\":\"Bearer\"}",
                            token_make(env, arena, env->now_us / 1000000 + TOKEN_VALID_S),
                            TOKEN_VALID_S));
}

static void
token_fail(struct double_env *env, int status, struct arena *arena, struct double_reply *ret)
{
    (void) env;
    if (status >= 500 || status == 429)
    {
        answer_grant_error(ret, arena, status, "internal_failure", "Backend error.");
    }
    else
    {
        answer_grant_error(ret, arena, status == STATUS_UNREGISTERED ? 400 : status,
                           "invalid_grant", "Invalid grant: account not found");
    }
}

static void
token_render(const struct double_request *request, struct arena *arena, struct rendered *ret)
{
    (void) request;
    (void) arena;
    ret->title = "OAuth token request";
}

const struct sandbox_double double_fcm_token = {
    .name = "fcm_token",
    .prefix = "/token",
    .body_max = 65536,
    .judge = token_judge,
    .fail = token_fail,
    .render = token_render,
};
