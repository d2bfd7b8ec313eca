/* Pushy: POST /push?api_key=KEY, JSON in and out. */
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/json.h"
#include "sandbox/double.h"
#include "sandbox/schema.h"
#include "sandbox/text.h"

#define PATH "/push"
#define SECRET "PUSHY_API_KEY"
#define UNKNOWN_TOKEN "bad-token"
#define TOKENS_MAX 100000
#define TOPICS_MAX 100
#define DATA_BYTES_MAX 4096
#define TTL_MAX_S 31536000
#define COLLAPSE_KEY_MAX 32
#define FAILED_SHOWN_MAX 1048576

static const struct schema notification_schema[] = {
    { "title", SCHEMA_STRING, NULL },
    { "body", SCHEMA_STRING, NULL },
    { "badge", SCHEMA_INTEGER, NULL },
    { "sound", SCHEMA_STRING, NULL },
    { "category", SCHEMA_STRING, NULL },
    { "loc_key", SCHEMA_STRING, NULL },
    { "loc_args", SCHEMA_LIST, NULL },
    { "title_loc_key", SCHEMA_STRING, NULL },
    { "title_loc_args", SCHEMA_LIST, NULL },
    { "interruption_level", SCHEMA_STRING, NULL },
    { 0 },
};

static const struct schema push_schema[] = {
    { "to", SCHEMA_ANY, NULL },
    { "data", SCHEMA_OBJECT, NULL },
    { "time_to_live", SCHEMA_INTEGER, NULL },
    { "schedule", SCHEMA_INTEGER, NULL },
    { "collapse_key", SCHEMA_STRING, NULL },
    { "content_available", SCHEMA_BOOLEAN, NULL },
    { "mutable_content", SCHEMA_BOOLEAN, NULL },
    { "notification", SCHEMA_OBJECT, notification_schema },
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
answer_error(struct double_reply *reply, struct arena *arena, int status, const char *code,
             const char *message)
{
    struct buf text;

    buf_init(&text, 4096);
    buf_printf(&text, "{\"code\":\"%s\",\"error\":", code);
    text_append_json_string(&text, message);
    buf_putc(&text, '}');
    reply_body(reply, status, "application/json", arena_strndup(arena, text.data, text.len));
    buf_finish(&text);
}

static bool
refuse(struct push *push, int status, const char *code, const char *message)
{
    answer_error(push->reply, push->arena, status, code, message);
    push->reply->decision = DECISION_REFUSE;
    push->reply->violation = message;
    return false;
}

static bool
check_key(struct push *push)
{
    const char *query = push->request->query;
    size_t count;
    struct form_field *fields = form_parse(push->arena, query, strlen(query), &count);
    const char *key = credentials_secret(push->env->credentials, SECRET, push->arena);

    return (count == 1 && strcmp(fields[0].name, "api_key") == 0 &&
            strcmp(fields[0].value, key) == 0) ||
           refuse(push, 401, "INVALID_API_KEY", "the API key is missing or invalid");
}

static bool
check_envelope(struct push *push)
{
    const struct double_request *request = push->request;

    if (strcmp(request->path, PATH) != 0)
    {
        return refuse(push, 404, "NOT_FOUND", "the path is not " PATH);
    }
    if (strcmp(request->method, "POST") != 0)
    {
        return refuse(push, 405, "METHOD_NOT_ALLOWED", "the method is not POST");
    }
    if (request_duplicate(request) != NULL)
    {
        return refuse(push, 400, "BAD_REQUEST", "a header occurs twice");
    }
    if (!request_has_type(request, "application/json"))
    {
        return refuse(push, 400, "BAD_REQUEST", "the content type is not application/json");
    }
    return check_key(push);
}

static bool
check_shape(struct push *push)
{
    struct schema_error error;

    if (!json_is_object(push->root))
    {
        return refuse(push, 400, "BAD_REQUEST", "the body is not a JSON object");
    }
    return schema_check(push_schema, push->root, "", false, push->arena, &error) ||
           refuse(push, 400, "BAD_REQUEST",
                  arena_printf(push->arena, "%.64s: %s", error.field, error.problem));
}

/* A token, a topic, or an array of either. */
static bool
check_recipients(struct push *push)
{
    const json *to = json_get(push->root, "to");
    size_t count = json_array_length(to);
    size_t topics = 0;

    for (size_t i = 0; i < count; i++)
    {
        const char *name = json_string(json_array_at(to, i));

        if (name == NULL || name[0] == '\0')
        {
            return refuse(push, 400, "NO_RECIPIENTS", "to holds what is no token");
        }
        topics += name[0] == '/';
    }
    if (count == 0 && (!json_is_string(to) || json_string(to)[0] == '\0'))
    {
        return refuse(push, 400, "NO_RECIPIENTS", "to is missing or empty");
    }
    return (count <= TOKENS_MAX && topics <= TOPICS_MAX) ||
           refuse(push, 400, "BAD_REQUEST", "to has more than 100000 tokens or 100 topics");
}

static bool
check_fields(struct push *push)
{
    const json *data = json_get(push->root, "data");
    const char *collapse = json_get_string(push->root, "collapse_key");
    int64_t now_s = push->env->now_us / 1000000;
    int64_t ttl = json_get_int(push->root, "time_to_live", 1);
    int64_t schedule = json_get_int(push->root, "schedule", now_s + 1);
    size_t len;

    if (data == NULL)
    {
        return refuse(push, 400, "BAD_REQUEST", "data is missing");
    }
    json_print(push->arena, data, &len);
    if (len > DATA_BYTES_MAX)
    {
        return refuse(push, 400, "PAYLOAD_LIMIT_EXCEEDED", "data has more than 4096 bytes");
    }
    if (ttl < 1 || ttl > TTL_MAX_S)
    {
        return refuse(push, 400, "BAD_REQUEST", "time_to_live must be 1 to 31536000");
    }
    if (schedule <= now_s || schedule > now_s + TTL_MAX_S)
    {
        return refuse(push, 400, "BAD_REQUEST", "schedule must be within a year from now");
    }
    return collapse == NULL || text_length(collapse, strlen(collapse)) <= COLLAPSE_KEY_MAX ||
           refuse(push, 400, "BAD_REQUEST", "collapse_key is longer than 32 characters");
}

/* Count the tokens, and list the unknown ones as JSON strings. */
static size_t
append_failed(const json *to, struct buf *failed)
{
    size_t count = json_array_length(to);
    size_t known = 0;

    for (size_t i = 0; i < count || (count == 0 && i == 0); i++)
    {
        const char *token = json_string(count > 0 ? json_array_at(to, i) : to);

        if (strncmp(token, UNKNOWN_TOKEN, strlen(UNKNOWN_TOKEN)) != 0)
        {
            known++;
            continue;
        }
        if (failed->len > 0)
        {
            buf_putc(failed, ',');
        }
        text_append_json_string(failed, token);
    }
    return known;
}

static void
answer_sent(struct push *push)
{
    struct double_reply *reply = push->reply;
    struct buf failed;
    size_t known;

    buf_init(&failed, FAILED_SHOWN_MAX);
    known = append_failed(json_get(push->root, "to"), &failed);
    reply_body(reply, 200, "application/json",
               arena_printf(
                   push->arena,
                   "{\"success\":true,\"id\":\"%s\",\"info\":{\"devices\":%zu,\"failed\":[%.*s]}}",
                   random_hex(push->arena, 24), known, (int) failed.len,
                   failed.len > 0 ? failed.data : ""));
    if (failed.len > 0)
    {
        reply->decision = DECISION_FAULT;
        reply->fault = UNKNOWN_TOKEN;
    }
    buf_finish(&failed);
}

static void
pushy_judge(struct double_env *env, struct double_conn *conn, const struct double_request *request,
            struct arena *arena, struct double_reply *ret)
{
    json *root = json_parse(request->body, request->body_len, NULL);
    struct push push = { env, request, arena, ret, root };
    const json *to = json_get(root, "to");

    (void) conn;
    ret->address =
        arena_strdup(arena, json_string(json_array_length(to) > 0 ? json_array_at(to, 0) : to));
    ret->id = arena_strdup(arena, json_get_string(json_get(root, "data"), "nid"));
    if (check_envelope(&push) && check_shape(&push) && check_recipients(&push) &&
        check_fields(&push))
    {
        answer_sent(&push);
    }
    json_destroy(root);
}

static void
pushy_fail(struct double_env *env, int status, struct arena *arena, struct double_reply *ret)
{
    (void) env;
    if (status == STATUS_UNREGISTERED)
    {
        answer_error(ret, arena, 400, "NO_RECIPIENTS", "no device has one of these tokens");
    }
    else if (status == 401 || status == 403)
    {
        answer_error(ret, arena, status, "INVALID_API_KEY", "the API key is invalid");
    }
    else if (status == 429)
    {
        answer_error(ret, arena, status, "RATE_LIMIT_EXCEEDED", "too many requests");
    }
    else
    {
        answer_error(ret, arena, status, status >= 500 ? "INTERNAL_ERROR" : "BAD_REQUEST",
                     "refused by the sandbox");
    }
}

static void
pushy_render(const struct double_request *request, struct arena *arena, struct rendered *ret)
{
    json *root = json_parse(request->body, request->body_len, NULL);
    const json *notification = json_get(root, "notification");
    const json *data = json_get(root, "data");

    ret->title = arena_strdup(arena, json_get_string(notification, "title"));
    ret->body = arena_strdup(arena, json_get_string(notification, "body"));
    ret->data = data != NULL ? json_print(arena, data, NULL) : NULL;
    json_destroy(root);
}

static void
pushy_fast(uint64_t number, const char *id, char *text, size_t size, struct double_reply *ret)
{
    (void) id;
    snprintf(text, size,
             "{\"success\":true,\"id\":\"%024llx\",\"info\":{\"devices\":1,\"failed\":[]}}",
             (unsigned long long) number);
    reply_body(ret, 200, "application/json", text);
}

const struct sandbox_double double_pushy = {
    .name = "pushy",
    .prefix = PATH,
    .body_max = 16 * 1024 * 1024,
    .account = "tokens " UNKNOWN_TOKEN "… are unknown",
    .secrets = { { SECRET, "", SECRET_BASE64URL } },
    .judge = pushy_judge,
    .fail = pushy_fail,
    .render = pushy_render,
    .fast = pushy_fast,
};
