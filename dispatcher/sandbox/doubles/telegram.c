/* Telegram's Bot API: POST /bot{token}/sendMessage, JSON in and out. */
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/json.h"
#include "sandbox/double.h"
#include "sandbox/schema.h"
#include "sandbox/text.h"

#define PREFIX "/bot"
#define METHOD "/sendMessage"
#define SECRET "TELEGRAM_BOT_TOKEN"
#define TEXT_MAX 4096
#define MAGIC "15005559" /* a chat's id of 11 digits that begins so is a magic number */
#define MAGIC_DIGITS 11
#define ID_MAX 4503599627370495LL /* 52 bits */

static const struct schema request_schema[] = {
    { "chat_id", SCHEMA_ANY, NULL },
    { "text", SCHEMA_STRING, NULL },
    { "parse_mode", SCHEMA_STRING, NULL },
    { "entities", SCHEMA_OBJECTS, NULL },
    { "link_preview_options", SCHEMA_OBJECT, NULL },
    { "disable_notification", SCHEMA_BOOLEAN, NULL },
    { "protect_content", SCHEMA_BOOLEAN, NULL },
    { "message_thread_id", SCHEMA_INTEGER, NULL },
    { "reply_parameters", SCHEMA_OBJECT, NULL },
    { "reply_markup", SCHEMA_OBJECT, NULL },
    { "allow_paid_broadcast", SCHEMA_BOOLEAN, NULL },
    { 0 },
};

/* What parse_mode HTML knows. */
static const char *const html_tags[] = { "a",    "b",      "blockquote", "code", "del",
                                         "em",   "i",      "ins",        "pre",  "s",
                                         "span", "strike", "strong",     "u",    "tg-spoiler" };

static void
answer_error(struct double_reply *reply, struct arena *arena, int status, const char *description,
             const char *parameters)
{
    struct buf text;

    buf_init(&text, 4096);
    buf_printf(&text, "{\"ok\":false,\"error_code\":%d,\"description\":", status);
    text_append_json_string(&text, description);
    buf_printf(&text, "%s}", parameters);
    reply_body(reply, status, "application/json", arena_strndup(arena, text.data, text.len));
    buf_finish(&text);
}

static bool
refuse(struct double_reply *reply, struct arena *arena, int status, const char *description)
{
    answer_error(reply, arena, status, description, "");
    reply->decision = DECISION_REFUSE;
    reply->violation = description;
    return false;
}

static bool
check_envelope(const struct double_env *env, const struct double_request *request,
               struct arena *arena, struct double_reply *reply)
{
    const char *token = request->path + strlen(PREFIX);
    size_t len = strcspn(token, "/");
    const char *expected = credentials_secret(env->credentials, SECRET, arena);

    if (len != strlen(expected) || strncmp(token, expected, len) != 0)
    {
        return refuse(reply, arena, 401, "Unauthorized");
    }
    if (strcmp(token + len, METHOD) != 0 || strcmp(request->method, "POST") != 0)
    {
        return refuse(reply, arena, 404, "Not Found: method not found");
    }
    if (request->query[0] != '\0')
    {
        return refuse(reply, arena, 400, "Bad Request: parameters in the query");
    }
    if (request_duplicate(request) != NULL)
    {
        return refuse(reply, arena, 400, "Bad Request: a header occurs twice");
    }
    return request_has_type(request, "application/json") ||
           refuse(reply, arena, 400, "Bad Request: the content type is not application/json");
}

static bool
check_shape(const json *root, struct arena *arena, struct double_reply *reply)
{
    struct schema_error error;

    if (!json_is_object(root))
    {
        return refuse(reply, arena, 400, "Bad Request: object expected as a request");
    }
    return schema_check(request_schema, root, "", false, arena, &error) ||
           refuse(reply, arena, 400,
                  arena_printf(arena, "Bad Request: %.64s %s", error.field, error.problem));
}

/* The chat as text, NULL when it is neither a whole number nor a channel's name. */
static const char *
chat_of(const json *root, struct arena *arena)
{
    const char *name = json_get_string(root, "chat_id");
    int64_t id = json_get_int(root, "chat_id", 0);

    if (id != 0 && id >= -ID_MAX && id <= ID_MAX)
    {
        return arena_printf(arena, "%lld", (long long) id);
    }
    return name != NULL && name[0] == '@' && strlen(name) > 4 ? arena_strdup(arena, name) : NULL;
}

/* Only known tags, and every & begins an entity. */
static bool
is_html(const char *text)
{
    for (text = strpbrk(text, "<&"); text != NULL; text = strpbrk(text + 1, "<&"))
    {
        const char *name = text + (text[1] == '/' ? 2 : 1);
        size_t len = strcspn(name, " >;");
        bool known = *text == '&' && name[len] == ';';

        for (size_t i = 0; *text == '<' && i < sizeof(html_tags) / sizeof(html_tags[0]); i++)
        {
            known = known || (strlen(html_tags[i]) == len && strncmp(html_tags[i], name, len) == 0);
        }
        if (!known)
        {
            return false;
        }
    }
    return true;
}

static bool
check_text(const json *root, struct arena *arena, struct double_reply *reply)
{
    const char *text = json_get_string(root, "text");
    const char *mode = json_get_string(root, "parse_mode");
    bool html = mode != NULL && strcmp(mode, "HTML") == 0;

    if (text == NULL || text[0] == '\0')
    {
        return refuse(reply, arena, 400, "Bad Request: message text is empty");
    }
    if (text_length(text, strlen(text)) > TEXT_MAX)
    {
        return refuse(reply, arena, 400, "Bad Request: message is too long");
    }
    if (mode != NULL && !html && strcmp(mode, "MarkdownV2") != 0)
    {
        return refuse(reply, arena, 400, "Bad Request: unsupported parse_mode");
    }
    return !html || is_html(text) ||
           refuse(reply, arena, 400, "Bad Request: can't parse entities: unsupported start tag");
}

/* Magic numbers are those of phones. */
static const char *
address_of(const char *chat, struct arena *arena)
{
    bool magic =
        chat != NULL && strncmp(chat, MAGIC, strlen(MAGIC)) == 0 && strlen(chat) == MAGIC_DIGITS;

    return magic ? arena_printf(arena, "+%s", chat) : chat;
}

static void
telegram_judge(struct double_env *env, struct double_conn *conn,
               const struct double_request *request, struct arena *arena, struct double_reply *ret)
{
    json *root = json_parse(request->body, request->body_len, NULL);
    const char *chat = chat_of(root, arena);

    ret->address = address_of(chat, arena);
    if (check_envelope(env, request, arena, ret) && check_shape(root, arena, ret) &&
        (chat != NULL || refuse(ret, arena, 400, "Bad Request: chat not found")) &&
        check_text(root, arena, ret))
    {
        reply_body(ret, 200, "application/json",
                   arena_printf(arena,
                                "{\"ok\":true,\"result\":{\"message_id\":%llu,\"date\":%lld,"
                                "\"chat\":{\"id\":%s,\"type\":\"private\"}}}",
                                (unsigned long long) conn->number * 1000000 +
                                    (unsigned long long) conn->successes + 1,
                                (long long) (env->now_us / 1000000), chat[0] == '@' ? "-1" : chat));
    }
    json_destroy(root);
}

static void
telegram_fail(struct double_env *env, int status, struct arena *arena, struct double_reply *ret)
{
    (void) env;
    switch (status)
    {
        case STATUS_UNREGISTERED:
            answer_error(ret, arena, 400, "Bad Request: chat not found", "");
            break;
        case 401:
            answer_error(ret, arena, status, "Unauthorized", "");
            break;
        case 403:
            answer_error(ret, arena, status, "Forbidden: bot was blocked by the user", "");
            break;
        case 429:
            answer_error(ret, arena, status, "Too Many Requests: retry after 1",
                         ",\"parameters\":{\"retry_after\":1}");
            break;
        default:
            answer_error(ret, arena, status,
                         status >= 500 ? "Internal Server Error" : "Bad Request", "");
            break;
    }
}

static void
telegram_render(const struct double_request *request, struct arena *arena, struct rendered *ret)
{
    json *root = json_parse(request->body, request->body_len, NULL);

    ret->to = chat_of(root, arena);
    ret->text = arena_strdup(arena, json_get_string(root, "text"));
    json_destroy(root);
}

static void
telegram_fast(uint64_t number, const char *id, char *text, size_t size, struct double_reply *ret)
{
    (void) id;
    snprintf(text, size, "{\"ok\":true,\"result\":{\"message_id\":%llu,\"chat\":{\"id\":1}}}",
             (unsigned long long) number);
    reply_body(ret, 200, "application/json", text);
}

const struct sandbox_double double_telegram = {
    .name = "telegram",
    .prefix = PREFIX,
    .body_max = 1024 * 1024,
    .account = "chats " MAGIC "CCN are magic as phone numbers are",
    .secrets = { { SECRET, "110201543:", SECRET_BASE64URL } },
    .judge = telegram_judge,
    .fail = telegram_fail,
    .render = telegram_render,
    .fast = telegram_fast,
};
