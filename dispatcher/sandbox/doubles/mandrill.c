/*
 * Mailchimp Transactional (Mandrill) 1.3: POST /api/1.3/messages/send, the key in the JSON body;
 * answers with one object a recipient, and with status 500 for errors of the request.
 */
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/crypto.h"
#include "core/json.h"
#include "sandbox/double.h"
#include "sandbox/files.h"
#include "sandbox/schema.h"
#include "sandbox/text.h"

#define SECRET "MANDRILL_API_KEY"
#define PREFIX "/api/1.3/"
#define BODY_MAX ((size_t) 25 * 1024 * 1024)
#define QUEUED_ABOVE 10
#define TAG_MAX 50

static const struct schema recipient_schema[] = { { "email", SCHEMA_STRING, NULL },
                                                  { "name", SCHEMA_STRING, NULL },
                                                  { "type", SCHEMA_STRING, NULL },
                                                  { 0 } };

static const struct schema recipient_metadata_schema[] = { { "rcpt", SCHEMA_STRING, NULL },
                                                           { "values", SCHEMA_OBJECT, NULL },
                                                           { 0 } };

static const struct schema file_schema[] = { { "type", SCHEMA_STRING, NULL },
                                             { "name", SCHEMA_STRING, NULL },
                                             { "content", SCHEMA_STRING, NULL },
                                             { 0 } };

static const struct schema mail_schema[] = {
    { "html", SCHEMA_STRING, NULL },
    { "text", SCHEMA_STRING, NULL },
    { "subject", SCHEMA_STRING, NULL },
    { "from_email", SCHEMA_STRING, NULL },
    { "from_name", SCHEMA_STRING, NULL },
    { "to", SCHEMA_OBJECTS, recipient_schema },
    { "headers", SCHEMA_STRINGS, NULL },
    { "important", SCHEMA_BOOLEAN, NULL },
    { "track_opens", SCHEMA_BOOLEAN, NULL },
    { "track_clicks", SCHEMA_BOOLEAN, NULL },
    { "auto_text", SCHEMA_BOOLEAN, NULL },
    { "inline_css", SCHEMA_BOOLEAN, NULL },
    { "preserve_recipients", SCHEMA_BOOLEAN, NULL },
    { "view_content_link", SCHEMA_BOOLEAN, NULL },
    { "tracking_domain", SCHEMA_STRING, NULL },
    { "signing_domain", SCHEMA_STRING, NULL },
    { "return_path_domain", SCHEMA_STRING, NULL },
    { "merge", SCHEMA_BOOLEAN, NULL },
    { "merge_language", SCHEMA_STRING, NULL },
    { "global_merge_vars", SCHEMA_ANY, NULL },
    { "merge_vars", SCHEMA_ANY, NULL },
    { "tags", SCHEMA_LIST, NULL },
    { "subaccount", SCHEMA_STRING, NULL },
    { "google_analytics_domains", SCHEMA_LIST, NULL },
    { "google_analytics_campaign", SCHEMA_STRING, NULL },
    { "metadata", SCHEMA_OBJECT, NULL },
    { "recipient_metadata", SCHEMA_OBJECTS, recipient_metadata_schema },
    { "attachments", SCHEMA_OBJECTS, file_schema },
    { "images", SCHEMA_OBJECTS, file_schema },
    { 0 },
};

static const struct schema send_schema[] = {
    { "key", SCHEMA_STRING, NULL },     { "message", SCHEMA_OBJECT, mail_schema },
    { "async", SCHEMA_BOOLEAN, NULL },  { "ip_pool", SCHEMA_STRING, NULL },
    { "send_at", SCHEMA_STRING, NULL }, { 0 },
};

/* A request while it is judged. */
struct sending
{
    struct double_env *env;
    const struct double_request *request;
    struct arena *arena;
    struct double_reply *reply;
    const json *root;
    const json *mail;
};

static void
answer_error(struct double_reply *reply, struct arena *arena, int status, const char *name,
             const char *message)
{
    struct buf text;

    buf_init(&text, 65536);
    buf_printf(&text, "{\"status\":\"error\",\"code\":%d,\"name\":\"%s\",\"message\":",
               strcmp(name, "Invalid_Key") == 0 ? -1 : -2, name);
    text_append_json_string(&text, message);
    buf_putc(&text, '}');
    reply_body(reply, status, "application/json", arena_strndup(arena, text.data, text.len));
    buf_finish(&text);
}

/* In 1.3 all errors of the API come with status 500. */
static bool
refuse(struct sending *sending, const char *name, const char *message)
{
    answer_error(sending->reply, sending->arena, 500, name, message);
    sending->reply->decision = DECISION_REFUSE;
    sending->reply->violation = message;
    return false;
}

static bool
refuse_field(struct sending *sending, const char *field, const char *problem)
{
    return refuse(sending, "ValidationError",
                  arena_printf(sending->arena, "Validation error: %s: %s", field, problem));
}

static bool
refuse_page(struct sending *sending, int status, const char *violation)
{
    reply_html(sending->reply, status, sending->arena);
    sending->reply->decision = DECISION_REFUSE;
    sending->reply->violation = violation;
    return false;
}

static bool
check_envelope(struct sending *sending)
{
    const struct double_request *request = sending->request;

    if (strcmp(request->path, PREFIX "messages/send") != 0 &&
        strcmp(request->path, PREFIX "messages/send.json") != 0)
    {
        return refuse_page(sending, 404, "there is no such call");
    }
    if (strcmp(request->method, "POST") != 0)
    {
        return refuse_page(sending, 405, "the method is not POST");
    }
    if (request_duplicate(request) != NULL)
    {
        return refuse_page(sending, 400, "a header occurs twice");
    }
    if (request->body_len > BODY_MAX)
    {
        return refuse_page(sending, 413, "the request has more than 25 MB");
    }
    if (!request_has_type(request, "application/json"))
    {
        return refuse_page(sending, 415, "content-type is not application/json");
    }
    return true;
}

static bool
check_shape(struct sending *sending)
{
    struct schema_error error;
    const char *key = json_get_string(sending->root, "key");

    if (!json_is_object(sending->root))
    {
        return refuse(sending, "ValidationError", "You must specify a key value");
    }
    if (key == NULL)
    {
        return refuse(sending, "ValidationError",
                      "Validation error: {\"key\":\"Please enter a value\"}");
    }
    if (strcmp(key, credentials_secret(sending->env->credentials, SECRET, sending->arena)) != 0)
    {
        return refuse(sending, "Invalid_Key", "Invalid API key");
    }
    if (!schema_check(send_schema, sending->root, "", false, sending->arena, &error))
    {
        return refuse_field(sending, error.field, error.problem);
    }
    return sending->mail != NULL || refuse_field(sending, "message", "Please enter an array");
}

static bool
is_one_of(const char *text, const char *const *words)
{
    while (*words != NULL && strcmp(*words, text) != 0)
    {
        words++;
    }
    return *words != NULL;
}

static bool
check_recipients(struct sending *sending)
{
    static const char *const types[] = { "to", "cc", "bcc", NULL };
    const json *to = json_get(sending->mail, "to");

    sending->reply->address =
        arena_strdup(sending->arena, json_get_string(json_array_at(to, 0), "email"));
    sending->reply->id =
        arena_strdup(sending->arena, json_get_string(json_get(sending->mail, "metadata"), "nid"));
    if (json_array_length(to) == 0)
    {
        return refuse_field(sending, "message.to", "Please enter an array");
    }
    for (size_t i = 0; i < json_array_length(to); i++)
    {
        const json *one = json_array_at(to, i);
        const char *type = json_get_string(one, "type");

        if (json_get_string(one, "email") == NULL)
        {
            return refuse_field(sending, arena_printf(sending->arena, "message.to.%zu.email", i),
                                "Please enter a value");
        }
        if (type != NULL && !is_one_of(type, types))
        {
            return refuse_field(sending, arena_printf(sending->arena, "message.to.%zu.type", i),
                                "It is to, cc or bcc");
        }
    }
    return true;
}

static bool
check_line(const char *key, json *value, void *user)
{
    struct sending *sending = user;

    if (strpbrk(key, "\r\n: ") != NULL || strpbrk(json_string(value), "\r\n") != NULL)
    {
        return refuse_field(sending, "message.headers", "A header is one line");
    }
    return true;
}

/* YYYY-MM-DD HH:MM:SS, in UTC. */
static bool
is_time(const char *text)
{
    static const char form[] = "0000-00-00 00:00:00";

    for (size_t i = 0; i < sizeof(form); i++)
    {
        bool fits = form[i] == '0' ? text[i] >= '0' && text[i] <= '9' : text[i] == form[i];

        if (!fits)
        {
            return false;
        }
    }
    return true;
}

static bool
check_mail(struct sending *sending)
{
    const char *send_at = json_get_string(sending->root, "send_at");
    const json *tags = json_get(sending->mail, "tags");

    if (!json_each(json_get(sending->mail, "headers"), check_line, sending))
    {
        return false;
    }
    for (size_t i = 0; i < json_array_length(tags); i++)
    {
        const char *tag = json_string(json_array_at(tags, i));

        if (tag[0] == '_' || strlen(tag) > TAG_MAX)
        {
            return refuse_field(sending, arena_printf(sending->arena, "message.tags.%zu", i),
                                "A tag has at most 50 characters and does not begin with _");
        }
    }
    return send_at == NULL || is_time(send_at) ||
           refuse_field(sending, "send_at", "Please enter a date as YYYY-MM-DD HH:MM:SS");
}

/* Note one of the lists of files; the number of the first that is malformed, or how many there are.
 */
static size_t
add_files(const json *files, bool images, struct arena *arena, struct rendered *ret)
{
    size_t count = json_array_length(files);

    for (size_t i = 0; i < count; i++)
    {
        const json *file = json_array_at(files, i);
        const char *name = json_get_string(file, "name");
        const char *type = json_get_string(file, "type");

        if (name == NULL || type == NULL || (images && strncmp(type, "image/", 6) != 0) ||
            !files_add_base64(ret, arena, name, type, images ? name : NULL,
                              json_get_string(file, "content")))
        {
            return i;
        }
    }
    return count;
}

static bool
check_files(struct sending *sending)
{
    static const char *const lists[] = { "attachments", "images" };
    struct rendered rendered = { .html = json_get_string(sending->mail, "html") };
    const char *missing;

    for (size_t i = 0; i < 2; i++)
    {
        const json *files = json_get(sending->mail, lists[i]);
        size_t good = add_files(files, i == 1, sending->arena, &rendered);

        if (good < json_array_length(files))
        {
            return refuse_field(sending,
                                arena_printf(sending->arena, "message.%s.%zu", lists[i], good),
                                "A file has name, type (of images: image/…) and content in base64");
        }
    }
    missing = rendered.file_count > 0 ? files_missing(&rendered, sending->arena) : NULL;
    return missing == NULL ||
           refuse_field(sending, "message.images",
                        arena_printf(sending->arena, "No image is called %.64s", missing));
}

static void
append_outcome(struct buf *text, struct arena *arena, const char *email, const char *status,
               const char *reject_reason)
{
    buf_puts(text, text->len > 0 ? ",{\"email\":" : "[{\"email\":");
    text_append_json_string(text, email);
    buf_printf(text, ",\"status\":\"%s\",\"_id\":\"%s\",\"reject_reason\":", status,
               random_hex(arena, 32));
    text_append_json_string(text, reject_reason);
    buf_puts(text, ",\"queued_reason\":null}");
}

/* What becomes of each recipient; with async or many recipients nobody knows yet. */
static void
answer_outcomes(struct sending *sending)
{
    const json *to = json_get(sending->mail, "to");
    const char *from = json_get_string(sending->mail, "from_email");
    bool sender = from != NULL && address_is_mailbox(from);
    bool queued =
        json_get_bool(sending->root, "async", false) || json_array_length(to) > QUEUED_ABOVE;
    struct buf text;

    buf_init(&text, BODY_MAX);
    for (size_t i = 0; i < json_array_length(to); i++)
    {
        const char *email = json_get_string(json_array_at(to, i), "email");

        if (queued)
        {
            append_outcome(&text, sending->arena, email, "queued", NULL);
        }
        else if (!address_is_mailbox(email))
        {
            append_outcome(&text, sending->arena, email, "invalid", NULL);
            sending->reply->decision = DECISION_REFUSE;
            sending->reply->violation = "the recipient is no mailbox";
        }
        else if (!sender)
        {
            append_outcome(&text, sending->arena, email, "rejected", "invalid-sender");
            sending->reply->decision = DECISION_REFUSE;
            sending->reply->violation = "the sender is no mailbox";
        }
        else
        {
            append_outcome(&text, sending->arena, email,
                           json_get(sending->root, "send_at") != NULL ? "scheduled" : "sent", NULL);
        }
    }
    buf_putc(&text, ']');
    reply_body(sending->reply, 200, "application/json",
               arena_strndup(sending->arena, text.data, text.len));
    buf_finish(&text);
}

static void
mandrill_judge(struct double_env *env, struct double_conn *conn,
               const struct double_request *request, struct arena *arena, struct double_reply *ret)
{
    struct sending sending = { env, request, arena, ret, NULL, NULL };
    json *root;

    (void) conn;
    if (!check_envelope(&sending))
    {
        return;
    }
    root = json_parse(request->body, request->body_len, NULL);
    sending.root = root;
    sending.mail = json_get(root, "message");
    if (check_shape(&sending) && check_recipients(&sending) && check_mail(&sending) &&
        check_files(&sending))
    {
        answer_outcomes(&sending);
    }
    json_destroy(root);
}

static void
mandrill_fail(struct double_env *env, int status, struct arena *arena, struct double_reply *ret)
{
    (void) env;
    switch (status)
    {
        case STATUS_UNREGISTERED:
            reply_body(
                ret, 200, "application/json",
                arena_printf(
                    arena,
                    "[{\"status\":\"rejected\",\"_id\":\"%s\",\"reject_reason\":\"hard-bounce\","
                    "\"queued_reason\":null}]",
                    random_hex(arena, 32)));
            break;
        case 400:
            answer_error(ret, arena, 500, "ValidationError", "Validation error");
            break;
        case 401:
        case 403:
            answer_error(ret, arena, 500, "Invalid_Key", "Invalid API key");
            break;
        case 402:
            answer_error(ret, arena, 500, "PaymentRequired", "The account needs a payment");
            break;
        case 429:
            answer_error(ret, arena, 500, "RequestLimitExceeded", "Too many requests");
            break;
        case 503:
            answer_error(ret, arena, 500, "ServiceUnavailable", "The service is down");
            break;
        default:
            answer_error(ret, arena, status, "GeneralError", "An unexpected error occurred");
            break;
    }
}

static void
mandrill_render(const struct double_request *request, struct arena *arena, struct rendered *ret)
{
    json *root = json_parse(request->body, request->body_len, NULL);
    const json *mail = json_get(root, "message");

    ret->from = arena_strdup(arena, json_get_string(mail, "from_email"));
    ret->to = arena_strdup(arena, json_get_string(json_array_at(json_get(mail, "to"), 0), "email"));
    ret->subject = arena_strdup(arena, json_get_string(mail, "subject"));
    ret->text = arena_strdup(arena, json_get_string(mail, "text"));
    ret->html = arena_strdup(arena, json_get_string(mail, "html"));
    add_files(json_get(mail, "attachments"), false, arena, ret);
    add_files(json_get(mail, "images"), true, arena, ret);
    json_destroy(root);
}

static void
mandrill_fast(uint64_t number, const char *id, char *text, size_t size, struct double_reply *ret)
{
    (void) id;
    snprintf(text, size,
             "[{\"email\":\"\",\"status\":\"sent\",\"_id\":\"%032llx\",\"reject_reason\":null}]",
             (unsigned long long) number);
    reply_body(ret, 200, "application/json", text);
}

const struct sandbox_double double_mandrill = {
    .name = "mandrill",
    .prefix = PREFIX,
    .body_max = BODY_MAX + 1,
    .account = "any sender",
    .secrets = { { SECRET, "md-", SECRET_BASE64URL } },
    .judge = mandrill_judge,
    .fail = mandrill_fail,
    .render = mandrill_render,
    .fast = mandrill_fast,
};
