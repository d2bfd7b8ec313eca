/* JPush v3: POST /v3/push, JSON with Basic authentication. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/crypto.h"
#include "core/json.h"
#include "sandbox/double.h"
#include "sandbox/schema.h"
#include "sandbox/text.h"

#define PATH "/v3/push"
#define APP_KEY "sandbox0app0key0sandbox0"
#define SECRET "JPUSH_MASTER_SECRET"
#define IDS_MAX 1000
#define TAGS_MAX 20
#define TTL_MAX_S 864000
#define COLLAPSE_ID_MAX 64
#define BIG_PUSH_MAX_MIN 1400
#define SMS_CONTENT_MAX 480
#define ANDROID_BYTES_MAX 4000
#define IOS_BYTES_MAX 2000

static const struct schema audience_schema[] = { { "tag", SCHEMA_LIST, NULL },
                                                 { "tag_and", SCHEMA_LIST, NULL },
                                                 { "tag_not", SCHEMA_LIST, NULL },
                                                 { "alias", SCHEMA_LIST, NULL },
                                                 { "registration_id", SCHEMA_LIST, NULL },
                                                 { "segment", SCHEMA_LIST, NULL },
                                                 { "abtest", SCHEMA_LIST, NULL },
                                                 { 0 } };

static const struct schema android_schema[] = {
    { "alert", SCHEMA_STRING, NULL },
    { "title", SCHEMA_STRING, NULL },
    { "builder_id", SCHEMA_INTEGER, NULL },
    { "channel_id", SCHEMA_STRING, NULL },
    { "priority", SCHEMA_INTEGER, NULL },
    { "category", SCHEMA_STRING, NULL },
    { "style", SCHEMA_INTEGER, NULL },
    { "alert_type", SCHEMA_INTEGER, NULL },
    { "big_text", SCHEMA_STRING, NULL },
    { "inbox", SCHEMA_OBJECT, NULL },
    { "big_pic_path", SCHEMA_STRING, NULL },
    { "extras", SCHEMA_OBJECT, NULL },
    { 0 },
};

static const struct schema ios_schema[] = {
    { "alert", SCHEMA_ANY, NULL },
    { "sound", SCHEMA_STRING, NULL },
    { "badge", SCHEMA_ANY, NULL },
    { "content-available", SCHEMA_BOOLEAN, NULL },
    { "mutable-content", SCHEMA_BOOLEAN, NULL },
    { "category", SCHEMA_STRING, NULL },
    { "thread-id", SCHEMA_STRING, NULL },
    { "extras", SCHEMA_OBJECT, NULL },
    { 0 },
};

static const struct schema notification_schema[] = { { "alert", SCHEMA_STRING, NULL },
                                                     { "android", SCHEMA_OBJECT, android_schema },
                                                     { "ios", SCHEMA_OBJECT, ios_schema },
                                                     { 0 } };

static const struct schema message_schema[] = { { "msg_content", SCHEMA_STRING, NULL },
                                                { "title", SCHEMA_STRING, NULL },
                                                { "content_type", SCHEMA_STRING, NULL },
                                                { "extras", SCHEMA_OBJECT, NULL },
                                                { 0 } };

static const struct schema sms_schema[] = { { "content", SCHEMA_STRING, NULL },
                                            { "delay_time", SCHEMA_INTEGER, NULL },
                                            { 0 } };

static const struct schema options_schema[] = {
    { "sendno", SCHEMA_INTEGER, NULL },
    { "time_to_live", SCHEMA_INTEGER, NULL },
    { "override_msg_id", SCHEMA_INTEGER, NULL },
    { "apns_production", SCHEMA_BOOLEAN, NULL },
    { "apns_collapse_id", SCHEMA_STRING, NULL },
    { "big_push_duration", SCHEMA_INTEGER, NULL },
    { "third_party_channel", SCHEMA_OBJECT, NULL },
    { 0 },
};

static const struct schema push_schema[] = {
    { "cid", SCHEMA_STRING, NULL },
    { "platform", SCHEMA_ANY, NULL },
    { "audience", SCHEMA_ANY, NULL },
    { "notification", SCHEMA_OBJECT, notification_schema },
    { "message", SCHEMA_OBJECT, message_schema },
    { "sms_message", SCHEMA_OBJECT, sms_schema },
    { "options", SCHEMA_OBJECT, options_schema },
    { 0 },
};

/* A request while it is judged. */
struct push
{
    const struct double_env *env;
    const struct double_request *request;
    struct arena *arena;
    struct double_reply *reply;
    const json *root;
};

static void
answer_error(struct double_reply *reply, struct arena *arena, int status, int code,
             const char *message)
{
    struct buf text;

    buf_init(&text, 4096);
    buf_printf(&text, "{\"error\":{\"code\":%d,\"message\":", code);
    text_append_json_string(&text, message);
    buf_puts(&text, "},\"msg_id\":null}");
    reply_body(reply, status, "application/json", arena_strndup(arena, text.data, text.len));
    buf_finish(&text);
}

static bool
refuse(struct push *push, int status, int code, const char *message)
{
    answer_error(push->reply, push->arena, status, code, message);
    push->reply->decision = DECISION_REFUSE;
    push->reply->violation = message;
    return false;
}

static bool
check_envelope(struct push *push)
{
    const struct double_request *request = push->request;
    const char *authorization = request_header(request, "authorization");
    const char *plain =
        arena_printf(push->arena, APP_KEY ":%s",
                     credentials_secret(push->env->credentials, SECRET, push->arena));

    if (strcmp(request->path, PATH) != 0 || request->query[0] != '\0')
    {
        return refuse(push, 404, 1020, "the path is not " PATH);
    }
    if (strcmp(request->method, "POST") != 0)
    {
        return refuse(push, 405, 1001, "only POST is supported");
    }
    if (request_duplicate(request) != NULL)
    {
        return refuse(push, 400, 1009, "a header occurs twice");
    }
    if (authorization == NULL || strncasecmp(authorization, "basic ", 6) != 0 ||
        strcmp(authorization + 6, crypto_base64(push->arena, plain, strlen(plain))) != 0)
    {
        return refuse(push, 401, 1004, "basic authentication failed");
    }
    if (!request_has_type(request, "application/json"))
    {
        return refuse(push, 400, 1009, "the content type is not application/json");
    }
    return true;
}

static bool
check_shape(struct push *push)
{
    struct schema_error error;

    if (!json_is_object(push->root))
    {
        return refuse(push, 400, 1002, "the body is not a JSON object");
    }
    return schema_check(push_schema, push->root, "", false, push->arena, &error) ||
           refuse(push, 400, error.unknown ? 1009 : 1003,
                  arena_printf(push->arena, "%.64s: %s", error.field, error.problem));
}

static bool
check_platform(struct push *push)
{
    static const char *const known[] = { "android", "ios", "winphone", "quickapp", "hmos" };
    const json *platform = json_get(push->root, "platform");
    size_t count = json_array_length(platform);

    if (platform == NULL)
    {
        return refuse(push, 400, 1002, "platform is missing");
    }
    if (json_is_string(platform))
    {
        return strcmp(json_string(platform), "all") == 0 ||
               refuse(push, 400, 1003, "platform is neither \"all\" nor an array");
    }
    for (size_t i = 0; i < count; i++)
    {
        const char *name = json_string(json_array_at(platform, i));
        size_t k = 0;

        while (k < sizeof(known) / sizeof(known[0]) &&
               (name == NULL || strcmp(known[k], name) != 0))
        {
            k++;
        }
        if (k == sizeof(known) / sizeof(known[0]))
        {
            return refuse(push, 400, 1003, "platform names an unknown one");
        }
    }
    return count > 0 || refuse(push, 400, 1003, "platform is empty");
}

/* One kind of the audience: 1 to max texts, none of them empty. */
static bool
check_entries(struct push *push, const char *name, size_t max)
{
    const json *list = json_get(json_get(push->root, "audience"), name);
    size_t count = json_array_length(list);

    if (list != NULL && (count == 0 || count > max))
    {
        return refuse(push, 400, 1003,
                      arena_printf(push->arena, "%s must have 1 to %zu entries", name, max));
    }
    for (size_t i = 0; i < count; i++)
    {
        if (json_string(json_array_at(list, i))[0] == '\0')
        {
            return refuse(push, 400, 1003,
                          arena_printf(push->arena, "%s has an empty entry", name));
        }
    }
    return true;
}

static bool
check_audience(struct push *push)
{
    const json *audience = json_get(push->root, "audience");
    struct schema_error error;

    if (audience == NULL)
    {
        return refuse(push, 400, 1002, "audience is missing");
    }
    if (json_is_string(audience))
    {
        return strcmp(json_string(audience), "all") == 0 ||
               refuse(push, 400, 1003, "audience is neither \"all\" nor an object");
    }
    if (!json_is_object(audience))
    {
        return refuse(push, 400, 1003, "audience is neither \"all\" nor an object");
    }
    if (!schema_check(audience_schema, audience, "audience", false, push->arena, &error))
    {
        return refuse(push, 400, error.unknown ? 1009 : 1003,
                      arena_printf(push->arena, "%.64s: %s", error.field, error.problem));
    }
    return check_entries(push, "tag", TAGS_MAX) && check_entries(push, "tag_and", TAGS_MAX) &&
           check_entries(push, "tag_not", TAGS_MAX) && check_entries(push, "alias", IDS_MAX) &&
           check_entries(push, "registration_id", IDS_MAX) && check_entries(push, "segment", 1) &&
           check_entries(push, "abtest", 1);
}

static size_t
printed_bytes(struct push *push, const json *value)
{
    size_t len = 0;

    if (value != NULL)
    {
        json_print(push->arena, value, &len);
    }
    return len;
}

static bool
check_content(struct push *push)
{
    const json *notification = json_get(push->root, "notification");
    const json *android = json_get(notification, "android");
    const json *ios = json_get(notification, "ios");
    const json *message = json_get(push->root, "message");
    const char *sms = json_get_string(json_get(push->root, "sms_message"), "content");
    int64_t priority = json_get_int(android, "priority", 0);

    if (notification == NULL && message == NULL)
    {
        return refuse(push, 400, 1002, "neither notification nor message is given");
    }
    if (message != NULL && json_get_string(message, "msg_content") == NULL)
    {
        return refuse(push, 400, 1002, "msg_content is missing");
    }
    if (json_get_string(notification, "alert") == NULL &&
        ((android != NULL && json_get_string(android, "alert") == NULL) ||
         (ios != NULL && json_get(ios, "alert") == NULL)))
    {
        return refuse(push, 400, 1002, "alert is missing");
    }
    if (priority < -2 || priority > 2)
    {
        return refuse(push, 400, 1003, "priority must be -2 to 2");
    }
    if (sms != NULL && text_length(sms, strlen(sms)) > SMS_CONTENT_MAX)
    {
        return refuse(push, 400, 1005, "the text message is longer than 480 characters");
    }
    if (printed_bytes(push, android) + printed_bytes(push, message) > ANDROID_BYTES_MAX)
    {
        return refuse(push, 400, 1005, "android and message have more than 4000 bytes");
    }
    return printed_bytes(push, ios) <= IOS_BYTES_MAX ||
           refuse(push, 400, 1005, "ios has more than 2000 bytes");
}

static bool
check_options(struct push *push)
{
    const json *options = json_get(push->root, "options");
    const char *collapse = json_get_string(options, "apns_collapse_id");
    int64_t ttl = json_get_int(options, "time_to_live", 0);
    int64_t duration = json_get_int(options, "big_push_duration", 0);

    if (json_get(push->root, "cid") != NULL)
    {
        return refuse(push, 400, 1003, "the cid is not from the pool, which hands out none here");
    }
    if (ttl < 0 || ttl > TTL_MAX_S)
    {
        return refuse(push, 400, 1003, "time_to_live must be 0 to 864000");
    }
    if (json_get(options, "override_msg_id") != NULL)
    {
        return refuse(push, 400, 1003, "override_msg_id is unknown");
    }
    if (collapse != NULL && strlen(collapse) > COLLAPSE_ID_MAX)
    {
        return refuse(push, 400, 1003, "apns_collapse_id is longer than 64 bytes");
    }
    if (duration < 0 || duration > BIG_PUSH_MAX_MIN)
    {
        return refuse(push, 400, 1012, "big_push_duration must be 0 to 1400");
    }
    if (json_get(options, "apns_production") == NULL)
    {
        push->reply->violation =
            "apns_production is not given; its default is not the same for all";
    }
    return true;
}

/* Extras of the platform that has some. */
static const json *
extras_of(const json *root)
{
    const json *notification = json_get(root, "notification");
    const json *extras = json_get(json_get(notification, "android"), "extras");

    return extras != NULL ? extras : json_get(json_get(notification, "ios"), "extras");
}

/* Both spellings of msg_id occur; a connection sees them in turns. */
static void
answer_sent(const struct double_conn *conn, struct arena *arena, struct double_reply *reply)
{
    uint32_t number;
    const char *quote = conn->successes % 2 == 0 ? "\"" : "";

    crypto_random(&number, sizeof(number));
    reply_body(
        reply, 200, "application/json",
        arena_printf(arena, "{\"sendno\":\"0\",\"msg_id\":%s18%010u%s}", quote, number, quote));
}

static void
jpush_judge(struct double_env *env, struct double_conn *conn, const struct double_request *request,
            struct arena *arena, struct double_reply *ret)
{
    json *root = json_parse(request->body, request->body_len, NULL);
    struct push push = { env, request, arena, ret, root };
    const json *ids = json_get(json_get(root, "audience"), "registration_id");

    ret->address = arena_strdup(arena, json_string(json_array_at(ids, 0)));
    ret->id = arena_strdup(arena, json_get_string(extras_of(root), "nid"));
    if (check_envelope(&push) && check_shape(&push) && check_platform(&push) &&
        check_audience(&push) && check_content(&push) && check_options(&push))
    {
        answer_sent(conn, arena, ret);
    }
    json_destroy(root);
}

static void
jpush_fail(struct double_env *env, int status, struct arena *arena, struct double_reply *ret)
{
    (void) env;
    switch (status)
    {
        case STATUS_UNREGISTERED:
            answer_error(ret, arena, 400, 1011, "cannot find user by this audience");
            break;
        case 401:
            answer_error(ret, arena, status, 1004, "basic authentication failed");
            break;
        case 403:
            answer_error(ret, arena, status, 2003, "the app is blocked");
            break;
        case 429:
            answer_error(ret, arena, status, 2002, "the API is called too often");
            reply_header(ret, "x-rate-limit-quota", "600");
            reply_header(ret, "x-rate-limit-remaining", "0");
            reply_header(ret, "x-rate-limit-reset", "1");
            break;
        case 503:
            answer_error(ret, arena, status, 1030, "the server is busy");
            break;
        default:
            answer_error(ret, arena, status, status >= 500 ? 1000 : 1009,
                         status >= 500 ? "internal error" : "unsupported key");
            break;
    }
}

static void
jpush_render(const struct double_request *request, struct arena *arena, struct rendered *ret)
{
    json *root = json_parse(request->body, request->body_len, NULL);
    const json *notification = json_get(root, "notification");
    const json *android = json_get(notification, "android");
    const json *alert = json_get(json_get(notification, "ios"), "alert");
    const json *extras = extras_of(root);
    const char *body = json_get_string(android, "alert");
    const char *title = json_get_string(android, "title");

    if (android == NULL)
    {
        body = json_is_string(alert) ? json_string(alert) : json_get_string(alert, "body");
        title = json_get_string(alert, "title");
    }
    ret->title = arena_strdup(arena, title);
    ret->body = arena_strdup(arena, body != NULL ? body : json_get_string(notification, "alert"));
    ret->data = extras != NULL ? json_print(arena, extras, NULL) : NULL;
    json_destroy(root);
}

static void
jpush_fast(uint64_t number, const char *id, char *text, size_t size, struct double_reply *ret)
{
    (void) id;
    snprintf(text, size, "{\"sendno\":\"0\",\"msg_id\":\"%llu\"}", (unsigned long long) number);
    reply_body(ret, 200, "application/json", text);
}

const struct sandbox_double double_jpush = {
    .name = "jpush",
    .prefix = PATH,
    .body_max = 1024 * 1024,
    .account = "app key " APP_KEY,
    .secrets = { { SECRET, "", SECRET_BASE64URL } },
    .judge = jpush_judge,
    .fail = jpush_fail,
    .render = jpush_render,
    .fast = jpush_fast,
};
