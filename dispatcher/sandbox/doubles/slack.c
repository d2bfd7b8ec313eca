/* Slack incoming webhooks: POST /services/T…/B…/NAME, JSON in, bare words out. */
#include <string.h>

#include "core/buf.h"
#include "core/json.h"
#include "sandbox/double.h"
#include "sandbox/schema.h"
#include "sandbox/text.h"

#define PREFIX "/services/"
#define TEXT_MAX 40000
#define BLOCKS_MAX 50
#define ATTACHMENTS_MAX 100
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static const struct schema payload_schema[] = {
    { "text", SCHEMA_STRING, NULL },          { "blocks", SCHEMA_OBJECTS, NULL },
    { "attachments", SCHEMA_OBJECTS, NULL },  { "mrkdwn", SCHEMA_BOOLEAN, NULL },
    { "unfurl_links", SCHEMA_BOOLEAN, NULL }, { 0 },
};

static const struct
{
    const char *text;
    char character;
} entities[] = { { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' } };

static bool
refuse(struct double_reply *reply, int status, const char *word, const char *violation)
{
    reply_body(reply, status, "text/plain", word);
    reply->decision = DECISION_REFUSE;
    reply->violation = violation;
    return false;
}

/* What follows T…/B…/ in the path; NULL when the path has another form. */
static const char *
hook_of(const char *path)
{
    const char *at = path + strlen(PREFIX);

    for (const char *first = "TB"; *first != '\0'; first++)
    {
        size_t len = *at == *first ? strspn(at, UPPER) : 0;

        if (len < 2 || at[len] != '/')
        {
            return NULL;
        }
        at += len + 1;
    }
    return *at != '\0' && strchr(at, '/') == NULL ? at : NULL;
}

static bool
check_envelope(const struct double_request *request, struct double_reply *reply)
{
    if (reply->address == NULL || request->query[0] != '\0')
    {
        return refuse(reply, 404, "no_service", "the path is not that of a webhook");
    }
    if (strcmp(request->method, "POST") != 0)
    {
        return refuse(reply, 405, "method_not_allowed", "the method is not POST");
    }
    if (request_duplicate(request) != NULL)
    {
        return refuse(reply, 400, "invalid_payload", "a header occurs twice");
    }
    return request_has_type(request, "application/json") ||
           refuse(reply, 400, "invalid_payload", "the content type is not application/json");
}

/* Length of the entity at text, 0 when there is none; *ret is what it stands for. */
static size_t
entity_at(const char *text, char *ret)
{
    for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
    {
        if (strncmp(text, entities[i].text, strlen(entities[i].text)) == 0)
        {
            *ret = entities[i].character;
            return strlen(entities[i].text);
        }
    }
    return 0;
}

/* Plain text has no < and >, and no & that begins no entity. */
static bool
is_escaped(const char *text)
{
    char c;

    for (; *text != '\0'; text++)
    {
        if (*text == '<' || *text == '>' || (*text == '&' && entity_at(text, &c) == 0))
        {
            return false;
        }
    }
    return true;
}

static bool
check_payload(const json *root, struct arena *arena, struct double_reply *reply)
{
    const char *text = json_get_string(root, "text");
    size_t blocks = json_array_length(json_get(root, "blocks"));
    struct schema_error error;

    if (!json_is_object(root))
    {
        return refuse(reply, 400, "invalid_payload", "the body is not a JSON object");
    }
    if (!schema_check(payload_schema, root, "", false, arena, &error))
    {
        return refuse(reply, 400, "invalid_payload",
                      arena_printf(arena, "%.64s: %s", error.field, error.problem));
    }
    if (blocks > BLOCKS_MAX)
    {
        return refuse(reply, 400, "invalid_blocks", "there are more than 50 blocks");
    }
    if (json_array_length(json_get(root, "attachments")) > ATTACHMENTS_MAX)
    {
        return refuse(reply, 400, "too_many_attachments", "there are more than 100 attachments");
    }
    if ((text == NULL || text[0] == '\0') && blocks == 0)
    {
        return refuse(reply, 400, "no_text", "there is neither text nor a block");
    }
    if (text != NULL && text_length(text, strlen(text)) > TEXT_MAX * strlen("&amp;"))
    {
        return refuse(reply, 400, "invalid_payload", "the text is too long");
    }
    return text == NULL || is_escaped(text) ||
           refuse(reply, 400, "invalid_payload", "the text holds & < or > that is not escaped");
}

static void
slack_judge(struct double_env *env, struct double_conn *conn, const struct double_request *request,
            struct arena *arena, struct double_reply *ret)
{
    json *root = json_parse(request->body, request->body_len, NULL);

    (void) env;
    (void) conn;
    ret->address = hook_of(request->path);
    if (check_envelope(request, ret) && check_payload(root, arena, ret))
    {
        reply_body(ret, 200, "text/plain", "ok");
    }
    json_destroy(root);
}

static void
slack_fail(struct double_env *env, int status, struct arena *arena, struct double_reply *ret)
{
    (void) env;
    (void) arena;
    switch (status)
    {
        case STATUS_UNREGISTERED:
            reply_body(ret, 404, "text/plain", "no_service");
            break;
        case 403:
            reply_body(ret, status, "text/plain", "action_prohibited");
            break;
        case 404:
            reply_body(ret, status, "text/plain", "channel_not_found");
            break;
        case 410:
            reply_body(ret, status, "text/plain", "channel_is_archived");
            break;
        case 429:
            reply_body(ret, status, "text/plain", "rate_limited");
            break;
        default:
            reply_body(ret, status, "text/plain",
                       status >= 500 ? "rollup_error" : "invalid_payload");
            break;
    }
}

/* The text as its readers see it. */
static const char *
unescape(const char *text, struct arena *arena)
{
    char *ret = arena_strdup(arena, text);
    char *out = ret;

    while (ret != NULL && *text != '\0')
    {
        char c = *text;
        size_t len = entity_at(text, &c);

        *out++ = c;
        text += len > 0 ? len : 1;
    }
    if (ret != NULL)
    {
        *out = '\0';
    }
    return ret;
}

static void
slack_render(const struct double_request *request, struct arena *arena, struct rendered *ret)
{
    json *root = json_parse(request->body, request->body_len, NULL);

    ret->to = hook_of(request->path);
    ret->text = unescape(json_get_string(root, "text"), arena);
    json_destroy(root);
}

static void
slack_fast(uint64_t number, const char *id, char *text, size_t size, struct double_reply *ret)
{
    (void) number;
    (void) id;
    (void) text;
    (void) size;
    reply_body(ret, 200, "text/plain", "ok");
}

const struct sandbox_double double_slack = {
    .name = "slack",
    .prefix = PREFIX,
    .body_max = 1024 * 1024,
    .account = "URL https://HOST:PORT" PREFIX "T…/B…/NAME",
    .judge = slack_judge,
    .fail = slack_fail,
    .render = slack_render,
    .fast = slack_fast,
};
