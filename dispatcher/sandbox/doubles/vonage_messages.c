/* Vonage Messages: POST /v1/messages, JSON in, 202 or RFC 7807 out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/crypto.h"
#include "core/json.h"
#include "sandbox/double.h"
#include "sandbox/schema.h"
#include "sandbox/text.h"

#define PATH "/v1/messages"
#define DIGITS "0123456789"
#define TTL_MAX_S 604800
#define REF_CHARS_MAX 100
#define TOKEN_VALID_MAX_S 86400
#define CLOCK_SKEW_S 60

static const struct schema sms_schema[] = { { "encoding_type", SCHEMA_STRING, NULL },
                                            { "content_id", SCHEMA_STRING, NULL },
                                            { "entity_id", SCHEMA_STRING, NULL },
                                            { 0 } };

static const struct schema media_schema[] = { { "url", SCHEMA_STRING, NULL },
                                              { "caption", SCHEMA_STRING, NULL },
                                              { 0 } };

static const struct schema request_schema[] = {
    { "channel", SCHEMA_STRING, NULL },
    { "message_type", SCHEMA_STRING, NULL },
    { "to", SCHEMA_STRING, NULL },
    { "from", SCHEMA_STRING, NULL },
    { "text", SCHEMA_STRING, NULL },
    { "image", SCHEMA_OBJECT, media_schema },
    { "audio", SCHEMA_OBJECT, media_schema },
    { "video", SCHEMA_OBJECT, media_schema },
    { "client_ref", SCHEMA_STRING, NULL },
    { "webhook_url", SCHEMA_STRING, NULL },
    { "webhook_version", SCHEMA_STRING, NULL },
    { "ttl", SCHEMA_INTEGER, NULL },
    { "sms", SCHEMA_OBJECT, sms_schema },
    { 0 },
};

/* Numbers that go wrong. */
static const struct
{
    const char *number;
    int status;
    int code;
    const char *title;
} magics[] = {
    { "15005550001", 422, 1170, "Invalid or Missing Msisdn Param" },
    { "15005550003", 422, 1120, "Illegal Sender Address" },
    { "15005550004", 422, 1240, "Illegal Number" },
    { "15005550008", 429, 1000, "Throttled" },
};

/* A request while it is judged. */
struct send
{
    struct double_env *env;
    const struct double_request *request;
    struct arena *arena;
    struct double_reply *reply;
    const json *root;
};

static void
answer_problem(struct double_reply *reply, struct arena *arena, int status, const char *code,
               const char *title)
{
    struct buf text;

    buf_init(&text, 4096);
    buf_printf(
        &text,
        "{\"type\":\"https://developer.vonage.com/api-errors/messages#%s\",\"title\":", code);
    text_append_json_string(&text, title);
    buf_printf(&text, ",\"detail\":");
    text_append_json_string(&text, title);
    buf_printf(&text, ",\"instance\":\"%s\"}", random_uuid(arena));
    reply_body(reply, status, "application/problem+json",
               arena_strndup(arena, text.data, text.len));
    buf_finish(&text);
}

/* Always false. */
static bool
refuse(const struct send *send, int status, const char *code, const char *title)
{
    answer_problem(send->reply, send->arena, status, code, title);
    send->reply->decision = DECISION_REFUSE;
    send->reply->violation = title;
    return false;
}

/* A JWT of the application: signature, claims and times. */
static bool
check_token(const struct send *send)
{
    const char *value = request_header(send->request, "authorization");
    int64_t now_s = send->env->now_us / 1000000;
    const char *application;
    char *header;
    char *claims;
    json *root;
    int64_t iat;
    int64_t exp;
    bool ok;

    if (value == NULL || strncasecmp(value, "bearer ", 7) != 0 ||
        !crypto_jwt_verify(send->arena, JWT_RS256, value + 7, send->env->credentials->vonage_public,
                           &header, &claims))
    {
        return refuse(send, 401, "unauthorized", "You did not provide correct credentials.");
    }
    root = json_parse(claims, strlen(claims), NULL);
    application = json_get_string(root, "application_id");
    iat = json_get_int(root, "iat", 0);
    exp = json_get_int(root, "exp", 0);
    ok = application != NULL && strcmp(application, SANDBOX_VONAGE_APPLICATION) == 0 &&
         json_get_string(root, "jti") != NULL && iat <= now_s + CLOCK_SKEW_S && exp > now_s &&
         exp > iat && exp - iat <= TOKEN_VALID_MAX_S;
    json_destroy(root);
    return ok || refuse(send, 401, "unauthorized", "The claims of the token are wrong.");
}

static bool
check_envelope(const struct send *send)
{
    const struct double_request *request = send->request;

    if (strcmp(request->path, PATH) != 0 || request->query[0] != '\0')
    {
        return refuse(send, 404, "not-found", "Not Found");
    }
    if (strcmp(request->method, "POST") != 0)
    {
        return refuse(send, 405, "method-not-allowed", "Method Not Allowed");
    }
    if (request_duplicate(request) != NULL)
    {
        return refuse(send, 400, "bad-request", "A header occurs twice");
    }
    if (!check_token(send))
    {
        return false;
    }
    return request_has_type(request, "application/json") ||
           refuse(send, 415, "unsupported-media-type", "The body is not JSON");
}

static bool
is_one_of(const char *text, const char *const *words)
{
    for (; text != NULL && *words != NULL; words++)
    {
        if (strcmp(text, *words) == 0)
        {
            return true;
        }
    }
    return false;
}

static bool
check_numbers(const struct send *send)
{
    const char *to = json_get_string(send->root, "to");
    const char *from = json_get_string(send->root, "from");

    if (to == NULL || strspn(to, DIGITS) != strlen(to) || strlen(to) < 7 || strlen(to) > 15)
    {
        return refuse(send, 422, "1020", "The value of to is invalid");
    }
    if (from == NULL || from[0] == '\0' || from[0] == '+' ||
        (strspn(from, DIGITS) != strlen(from) && text_length(from, strlen(from)) > 11))
    {
        return refuse(send, 422, "1020", "The value of from is invalid");
    }
    return true;
}

static bool
check_sms(const struct send *send)
{
    static const char *const encodings[] = { "auto", "text", "unicode", NULL };
    const char *type = json_get_string(send->root, "message_type");
    const char *text = json_get_string(send->root, "text");
    const json *sms = json_get(send->root, "sms");

    if (type == NULL || strcmp(type, "text") != 0 || text == NULL || text[0] == '\0')
    {
        return refuse(send, 422, "1020", "An SMS needs message_type text and a text");
    }
    if (sms != NULL && json_get(sms, "encoding_type") != NULL &&
        !is_one_of(json_get_string(sms, "encoding_type"), encodings))
    {
        return refuse(send, 422, "1020", "The value of sms.encoding_type is invalid");
    }
    return json_get(send->root, "image") == NULL ||
           refuse(send, 422, "1020", "An SMS carries no image");
}

static bool
check_mms(const struct send *send)
{
    static const char *const types[] = { "image", "audio", "video", NULL };
    const char *type = json_get_string(send->root, "message_type");
    const char *url;

    if (!is_one_of(type, types))
    {
        return refuse(send, 422, "1020", "The value of message_type is invalid");
    }
    url = json_get_string(json_get(send->root, type), "url");
    if (url == NULL || strncmp(url, "https://", 8) != 0 || strpbrk(url, " \r\n\"<>") != NULL)
    {
        return refuse(send, 422, "1020", "The URL of the media is invalid");
    }
    return (json_get(send->root, "text") == NULL && json_get(send->root, "sms") == NULL) ||
           refuse(send, 422, "1020", "An MMS has a caption instead of a text");
}

static bool
check_message(const struct send *send)
{
    const char *channel = json_get_string(send->root, "channel");
    const char *reference = json_get_string(send->root, "client_ref");
    const char *webhook = json_get_string(send->root, "webhook_url");
    int64_t ttl = json_get_int(send->root, "ttl", 1);
    struct schema_error error;

    if (!json_is_object(send->root))
    {
        return refuse(send, 400, "bad-request", "The body is no JSON object");
    }
    if (!schema_check(request_schema, send->root, "body", false, send->arena, &error))
    {
        return refuse(send, 422, "1020",
                      arena_printf(send->arena, "%s: %s", error.field, error.problem));
    }
    if (ttl < 1 || ttl > TTL_MAX_S)
    {
        return refuse(send, 422, "1020", "The value of ttl is invalid (seconds)");
    }
    if (reference != NULL && text_length(reference, strlen(reference)) > REF_CHARS_MAX)
    {
        return refuse(send, 422, "1020", "client_ref is longer than 100 characters");
    }
    if (webhook != NULL && strncmp(webhook, "https://", 8) != 0 &&
        strncmp(webhook, "http://", 7) != 0)
    {
        return refuse(send, 422, "1020", "The value of webhook_url is invalid");
    }
    if (!check_numbers(send))
    {
        return false;
    }
    if (channel != NULL && strcmp(channel, "sms") == 0)
    {
        return check_sms(send);
    }
    return channel != NULL && strcmp(channel, "mms") == 0
               ? check_mms(send)
               : refuse(send, 422, "1020", "The value of channel is invalid");
}

static void
answer(const struct send *send)
{
    const char *to = json_get_string(send->root, "to");

    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
    {
        if (strcmp(to, magics[i].number) == 0)
        {
            answer_problem(send->reply, send->arena, magics[i].status,
                           arena_printf(send->arena, "%d", magics[i].code), magics[i].title);
            send->reply->decision = DECISION_FAULT;
            send->reply->fault = arena_printf(send->arena, "test-number-%d", magics[i].code);
            return;
        }
    }
    reply_body(send->reply, 202, "application/json",
               arena_printf(send->arena, "{\"message_uuid\":\"%s\"}", random_uuid(send->arena)));
}

static void
messages_judge(struct double_env *env, struct double_conn *conn,
               const struct double_request *request, struct arena *arena, struct double_reply *ret)
{
    json *root = json_parse(request->body, request->body_len, NULL);
    const char *to = json_get_string(root, "to");
    struct send send = { env, request, arena, ret, root };

    (void) conn;
    ret->address = to == NULL ? NULL : arena_printf(arena, "+%s", to);
    ret->id = arena_strdup(arena, json_get_string(root, "client_ref"));
    if (check_envelope(&send) && check_message(&send))
    {
        answer(&send);
    }
    json_destroy(root);
}

static void
messages_fail(struct double_env *env, int status, struct arena *arena, struct double_reply *ret)
{
    (void) env;
    if (status == STATUS_UNREGISTERED)
    {
        answer_problem(ret, arena, 422, "1170", "Invalid or Missing Msisdn Param");
    }
    else if (status == 429)
    {
        answer_problem(ret, arena, status, "1000", "Throttled");
    }
    else
    {
        answer_problem(ret, arena, status, arena_printf(arena, "status-%d", status), "Failed");
    }
}

static void
messages_render(const struct double_request *request, struct arena *arena, struct rendered *ret)
{
    json *root = json_parse(request->body, request->body_len, NULL);
    const char *type = json_get_string(root, "message_type");
    const json *media = type == NULL ? NULL : json_get(root, type);
    const char *text = json_get_string(json_is_object(media) ? media : root,
                                       json_is_object(media) ? "caption" : "text");

    ret->to = arena_strdup(arena, json_get_string(root, "to"));
    ret->from = arena_strdup(arena, json_get_string(root, "from"));
    ret->text = arena_strdup(arena, text);
    json_destroy(root);
}

static void
messages_fast(uint64_t number, const char *id, char *text, size_t size, struct double_reply *ret)
{
    (void) id;
    snprintf(text, size, "{\"message_uuid\":\"00000000-0000-0000-0000-%012llx\"}",
             (unsigned long long) number);
    reply_body(ret, 202, "application/json", text);
}

const struct sandbox_double double_vonage_messages = {
    .name = "vonage_messages",
    .prefix = PATH,
    .body_max = 256 * 1024,
    .account = "application " SANDBOX_VONAGE_APPLICATION "; its key in vonage_key.pem",
    .judge = messages_judge,
    .fail = messages_fail,
    .render = messages_render,
    .fast = messages_fast,
};
