/* SendGrid v3: POST /v3/mail/send, JSON in; 202 with an empty body and X-Message-Id. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/crypto.h"
#include "core/json.h"
#include "sandbox/double.h"
#include "sandbox/files.h"
#include "sandbox/schema.h"
#include "sandbox/text.h"

#define SECRET "SENDGRID_API_KEY"
#define PATH "/v3/mail/send"
#define BODY_MAX ((size_t) 30 * 1024 * 1024)
#define PERSONALIZATIONS_MAX 1000
#define RECIPIENTS_MAX 1000
#define CATEGORIES_MAX 10
#define CATEGORY_MAX 255
#define CUSTOM_ARGS_MAX 10000
#define SEND_AHEAD_MAX_S (72 * 3600)
#define GROUPS_MAX 25
#define HELP "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html"

static const struct schema address_schema[] = { { "email", SCHEMA_STRING, NULL },
                                                { "name", SCHEMA_STRING, NULL },
                                                { 0 } };

static const struct schema personalization_schema[] = {
    { "to", SCHEMA_OBJECTS, address_schema },
    { "cc", SCHEMA_OBJECTS, address_schema },
    { "bcc", SCHEMA_OBJECTS, address_schema },
    { "from", SCHEMA_OBJECT, address_schema },
    { "subject", SCHEMA_STRING, NULL },
    { "headers", SCHEMA_STRINGS, NULL },
    { "substitutions", SCHEMA_STRINGS, NULL },
    { "dynamic_template_data", SCHEMA_OBJECT, NULL },
    { "custom_args", SCHEMA_STRINGS, NULL },
    { "send_at", SCHEMA_INTEGER, NULL },
    { 0 },
};

static const struct schema content_schema[] = { { "type", SCHEMA_STRING, NULL },
                                                { "value", SCHEMA_STRING, NULL },
                                                { 0 } };

static const struct schema attachment_schema[] = {
    { "content", SCHEMA_STRING, NULL },    { "filename", SCHEMA_STRING, NULL },
    { "type", SCHEMA_STRING, NULL },       { "disposition", SCHEMA_STRING, NULL },
    { "content_id", SCHEMA_STRING, NULL }, { 0 }
};

static const struct schema asm_schema[] = { { "group_id", SCHEMA_INTEGER, NULL },
                                            { "groups_to_display", SCHEMA_ANY, NULL },
                                            { 0 } };

static const struct schema mail_schema[] = {
    { "personalizations", SCHEMA_OBJECTS, personalization_schema },
    { "from", SCHEMA_OBJECT, address_schema },
    { "reply_to", SCHEMA_OBJECT, address_schema },
    { "reply_to_list", SCHEMA_OBJECTS, address_schema },
    { "subject", SCHEMA_STRING, NULL },
    { "content", SCHEMA_OBJECTS, content_schema },
    { "template_id", SCHEMA_STRING, NULL },
    { "attachments", SCHEMA_OBJECTS, attachment_schema },
    { "headers", SCHEMA_STRINGS, NULL },
    { "categories", SCHEMA_LIST, NULL },
    { "custom_args", SCHEMA_STRINGS, NULL },
    { "send_at", SCHEMA_INTEGER, NULL },
    { "batch_id", SCHEMA_STRING, NULL },
    { "asm", SCHEMA_OBJECT, asm_schema },
    { "ip_pool_name", SCHEMA_STRING, NULL },
    { "mail_settings", SCHEMA_OBJECT, NULL },
    { "tracking_settings", SCHEMA_OBJECT, NULL },
    { 0 },
};

static const char *const reserved_headers[] = {
    "x-sg-id",      "x-sg-eid",
    "received",     "dkim-signature",
    "content-type", "content-transfer-encoding",
    "to",           "from",
    "subject",      "reply-to",
    "cc",           "bcc",
};

/* A request while it is judged. */
struct mail
{
    struct double_env *env;
    const struct double_request *request;
    struct arena *arena;
    struct double_reply *reply;
    const json *root;
};

static void
answer_error(struct double_reply *reply, struct arena *arena, int status, const char *message,
             const char *field)
{
    struct buf text;

    buf_init(&text, 65536);
    buf_puts(&text, "{\"errors\":[{\"message\":");
    text_append_json_string(&text, message);
    buf_puts(&text, ",\"field\":");
    text_append_json_string(&text, field);
    buf_printf(&text, ",\"help\":%s}]}", field != NULL ? "\"" HELP "\"" : "null");
    reply_body(reply, status, "application/json", arena_strndup(arena, text.data, text.len));
    buf_finish(&text);
}

static bool
refuse_status(struct mail *mail, int status, const char *message)
{
    answer_error(mail->reply, mail->arena, status, message, NULL);
    mail->reply->decision = DECISION_REFUSE;
    mail->reply->violation = message;
    return false;
}

static bool
refuse_field(struct mail *mail, const char *field, const char *message)
{
    answer_error(mail->reply, mail->arena, 400, message, field);
    mail->reply->decision = DECISION_REFUSE;
    mail->reply->violation = arena_printf(mail->arena, "%s: %s", field, message);
    return false;
}

/* ---- the envelope ---- */

static bool
check_envelope(struct mail *mail)
{
    const struct double_request *request = mail->request;
    const char *authorization = request_header(request, "authorization");
    const char *accept = request_header(request, "accept");
    const char *duplicate = request_duplicate(request);

    if (strcmp(request->path, PATH) != 0)
    {
        return refuse_status(mail, 404, "not found");
    }
    if (strcmp(request->method, "POST") != 0)
    {
        return refuse_status(mail, 405, "method not allowed");
    }
    if (duplicate != NULL)
    {
        return refuse_status(mail, 400,
                             arena_printf(mail->arena, "header %s occurs twice", duplicate));
    }
    if (authorization == NULL || strncmp(authorization, "Bearer ", 7) != 0 ||
        strcmp(authorization + 7,
               credentials_secret(mail->env->credentials, SECRET, mail->arena)) != 0)
    {
        return refuse_status(mail, 401,
                             "The provided authorization grant is invalid, expired, or revoked");
    }
    if (accept == NULL ||
        (strstr(accept, "*/*") == NULL && strstr(accept, "application/json") == NULL))
    {
        return refuse_status(mail, 406, "missing Accept header");
    }
    if (!request_has_type(request, "application/json"))
    {
        return refuse_status(mail, 415, "Content-Type should be application/json.");
    }
    return true;
}

static bool
check_shape(struct mail *mail)
{
    struct schema_error error;

    if (!json_is_object(mail->root))
    {
        return refuse_status(mail, 400, "Bad Request: the body is not a JSON object");
    }
    if (schema_check(mail_schema, mail->root, "", false, mail->arena, &error))
    {
        return true;
    }
    return refuse_field(
        mail, error.field,
        error.unknown
            ? arena_printf(mail->arena, "Additional property %.64s is not allowed", error.field)
            : error.problem);
}

/* ---- recipients ---- */

/* The addresses seen so far in one personalization. */
struct seen
{
    const char **emails;
    size_t count;
    size_t max;
};

static bool
check_addresses(struct mail *mail, const json *list, const char *path, struct seen *seen)
{
    for (size_t i = 0; i < json_array_length(list); i++)
    {
        const char *email = json_get_string(json_array_at(list, i), "email");
        const char *field = arena_printf(mail->arena, "%s.%zu.email", path, i);

        if (email == NULL || !address_is_mailbox(email))
        {
            return refuse_field(mail, field, "Does not contain a valid address.");
        }
        if (seen->count == seen->max)
        {
            return refuse_field(mail, "personalizations",
                                "The total number of recipients must be no more than 1000.");
        }
        for (size_t k = 0; k < seen->count; k++)
        {
            if (strcasecmp(seen->emails[k], email) == 0)
            {
                return refuse_field(mail, field,
                                    "Each email address in the personalization block should be "
                                    "unique between to, cc, and bcc.");
            }
        }
        seen->emails[seen->count++] = email;
    }
    return true;
}

static bool
find_reserved(const char *key, json *value, void *user)
{
    const char **found = user;

    (void) value;
    for (size_t i = 0; i < sizeof(reserved_headers) / sizeof(reserved_headers[0]); i++)
    {
        if (strcasecmp(key, reserved_headers[i]) == 0)
        {
            *found = key;
        }
    }
    return *found == NULL;
}

/* headers, custom_args and send_at stand in the mail and in each personalization. */
static bool
check_common(struct mail *mail, const json *object, const char *prefix)
{
    const json *args = json_get(object, "custom_args");
    const char *reserved = NULL;
    int64_t send_at = json_get_int(object, "send_at", 0);
    size_t len = 0;

    json_each(json_get(object, "headers"), find_reserved, &reserved);
    if (reserved != NULL)
    {
        return refuse_field(mail, arena_printf(mail->arena, "%sheaders.%s", prefix, reserved),
                            "The header is reserved.");
    }
    if (args != NULL)
    {
        json_print(mail->arena, args, &len);
    }
    if (len > CUSTOM_ARGS_MAX)
    {
        return refuse_field(mail, arena_printf(mail->arena, "%scustom_args", prefix),
                            "The custom args are larger than 10000 bytes.");
    }
    if (send_at != 0 && send_at > mail->env->now_us / 1000000 + SEND_AHEAD_MAX_S)
    {
        return refuse_field(mail, arena_printf(mail->arena, "%ssend_at", prefix),
                            "Scheduled more than 72 hours in advance.");
    }
    return true;
}

static bool
check_personalization(struct mail *mail, const json *one, size_t index, size_t *left)
{
    const char *prefix = arena_printf(mail->arena, "personalizations.%zu.", index);
    static const char *const lists[] = { "to", "cc", "bcc" };
    struct seen seen = { arena_alloc(mail->arena, (*left + 1) * sizeof(char *)), 0, *left };

    if (json_array_length(json_get(one, "to")) == 0)
    {
        return refuse_field(mail, arena_printf(mail->arena, "%sto", prefix),
                            "The to array is required for all personalization objects.");
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
    {
        if (!check_addresses(mail, json_get(one, lists[i]),
                             arena_printf(mail->arena, "%s%s", prefix, lists[i]), &seen))
        {
            return false;
        }
    }
    *left -= seen.count;
    if (json_get_string(one, "subject") == NULL && json_get(mail->root, "subject") == NULL &&
        json_get(mail->root, "template_id") == NULL)
    {
        return refuse_field(mail, "subject", "The subject is required.");
    }
    return check_common(mail, one, prefix);
}

static bool
check_recipients(struct mail *mail)
{
    const json *list = json_get(mail->root, "personalizations");
    size_t count = json_array_length(list);
    size_t left = RECIPIENTS_MAX;

    mail->reply->address = arena_strdup(
        mail->arena,
        json_get_string(json_array_at(json_get(json_array_at(list, 0), "to"), 0), "email"));
    mail->reply->id = arena_strdup(
        mail->arena, json_get_string(json_get(json_array_at(list, 0), "custom_args"), "nid"));
    if (count == 0 || count > PERSONALIZATIONS_MAX)
    {
        return refuse_field(mail, "personalizations", "There must be 1 to 1000 personalizations.");
    }
    for (size_t i = 0; i < count; i++)
    {
        if (!check_personalization(mail, json_array_at(list, i), i, &left))
        {
            return false;
        }
    }
    return true;
}

/* ---- sender and content ---- */

static bool
check_sender(struct mail *mail)
{
    const char *from = json_get_string(json_get(mail->root, "from"), "email");
    const json *reply_to = json_get(mail->root, "reply_to");
    const json *reply_list = json_get(mail->root, "reply_to_list");
    struct seen seen = { arena_alloc(mail->arena, (RECIPIENTS_MAX + 1) * sizeof(char *)), 0,
                         RECIPIENTS_MAX };

    if (from == NULL || !address_is_mailbox(from))
    {
        return refuse_field(mail, "from.email", "The from email does not contain a valid address.");
    }
    if (reply_to != NULL && reply_list != NULL)
    {
        return refuse_field(mail, "reply_to_list",
                            "Only one of reply_to and reply_to_list may be given.");
    }
    if (reply_to != NULL && !address_is_mailbox(json_get_string(reply_to, "email")))
    {
        return refuse_field(mail, "reply_to.email", "Does not contain a valid address.");
    }
    return check_addresses(mail, reply_list, "reply_to_list", &seen);
}

static bool
check_content(struct mail *mail)
{
    const json *list = json_get(mail->root, "content");
    bool html = false;

    if (json_array_length(list) == 0 && json_get(mail->root, "template_id") == NULL)
    {
        return refuse_field(mail, "content", "The content array is required.");
    }
    for (size_t i = 0; i < json_array_length(list); i++)
    {
        const json *part = json_array_at(list, i);
        const char *type = json_get_string(part, "type");
        const char *value = json_get_string(part, "value");
        const char *field = arena_printf(mail->arena, "content.%zu", i);

        if (type == NULL || type[0] == '\0' || value == NULL || value[0] == '\0')
        {
            return refuse_field(mail, field,
                                "Type and value must be strings of at least one character.");
        }
        if (strcmp(type, "text/plain") == 0 && (html || i > 0))
        {
            return refuse_field(mail, field, "The content type text/plain must be the first one.");
        }
        html = html || strcmp(type, "text/html") == 0;
    }
    return true;
}

static bool
check_lists(struct mail *mail)
{
    const json *categories = json_get(mail->root, "categories");
    const char *pool = json_get_string(mail->root, "ip_pool_name");

    if (json_array_length(categories) > CATEGORIES_MAX)
    {
        return refuse_field(mail, "categories", "There may be at most 10 categories.");
    }
    for (size_t i = 0; i < json_array_length(categories); i++)
    {
        if (strlen(json_string(json_array_at(categories, i))) > CATEGORY_MAX)
        {
            return refuse_field(mail, arena_printf(mail->arena, "categories.%zu", i),
                                "A category may have at most 255 characters.");
        }
    }
    if (json_array_length(json_get(json_get(mail->root, "asm"), "groups_to_display")) > GROUPS_MAX)
    {
        return refuse_field(mail, "asm.groups_to_display", "There may be at most 25 groups.");
    }
    if (pool != NULL && (strlen(pool) < 2 || strlen(pool) > 64))
    {
        return refuse_field(mail, "ip_pool_name", "The name must have 2 to 64 characters.");
    }
    return true;
}

/* Note the files; the number of the first that is malformed, or how many there are. */
static size_t
add_files(const json *files, struct arena *arena, struct rendered *ret)
{
    size_t count = json_array_length(files);

    for (size_t i = 0; i < count; i++)
    {
        const json *file = json_array_at(files, i);
        const char *name = json_get_string(file, "filename");

        if (name == NULL || !files_add_base64(ret, arena, name, json_get_string(file, "type"),
                                              json_get_string(file, "content_id"),
                                              json_get_string(file, "content")))
        {
            return i;
        }
    }
    return count;
}

static bool
check_disposition(struct mail *mail, const json *file, size_t number)
{
    const char *disposition = json_get_string(file, "disposition");
    const char *type = json_get_string(file, "type");
    bool is_inline = disposition != NULL && strcmp(disposition, "inline") == 0;

    if (disposition != NULL && !is_inline && strcmp(disposition, "attachment") != 0)
    {
        return refuse_field(mail, arena_printf(mail->arena, "attachments.%zu.disposition", number),
                            "The disposition is inline or attachment.");
    }
    if (is_inline && json_get_string(file, "content_id") == NULL)
    {
        return refuse_field(mail, arena_printf(mail->arena, "attachments.%zu.content_id", number),
                            "Inline content needs a content_id.");
    }
    if (strpbrk(json_get_string(file, "filename"), "\r\n") != NULL ||
        (type != NULL && strpbrk(type, "\r\n;") != NULL))
    {
        return refuse_field(mail, arena_printf(mail->arena, "attachments.%zu", number),
                            "The filename cannot contain CRLF, the type neither that nor ;.");
    }
    return true;
}

static bool
check_files(struct mail *mail)
{
    const json *files = json_get(mail->root, "attachments");
    struct rendered rendered = { .from = NULL };
    size_t good = add_files(files, mail->arena, &rendered);
    const json *content = json_get(mail->root, "content");
    const char *missing;

    if (good < json_array_length(files))
    {
        return refuse_field(mail, arena_printf(mail->arena, "attachments.%zu.content", good),
                            "The attachment needs a filename and base64 content.");
    }
    for (size_t i = 0; i < good; i++)
    {
        if (!check_disposition(mail, json_array_at(files, i), i))
        {
            return false;
        }
    }
    rendered.html = json_get_string(
        json_array_at(content, json_array_length(content) > 0 ? json_array_length(content) - 1 : 0),
        "value");
    missing = good > 0 ? files_missing(&rendered, mail->arena) : NULL;
    return missing == NULL ||
           refuse_field(mail, "attachments",
                        arena_printf(mail->arena, "No attachment has content_id %.64s.", missing));
}

static void
sendgrid_judge(struct double_env *env, struct double_conn *conn,
               const struct double_request *request, struct arena *arena, struct double_reply *ret)
{
    struct mail mail = { env, request, arena, ret, NULL };
    json *root;
    const json *sandbox;

    (void) conn;
    if (!check_envelope(&mail))
    {
        return;
    }
    if (request->body_len > BODY_MAX)
    {
        reply_html(ret, 413, arena);
        ret->decision = DECISION_REFUSE;
        ret->violation = "the request has more than 30 MB";
        return;
    }
    root = json_parse(request->body, request->body_len, NULL);
    mail.root = root;
    if (check_shape(&mail) && check_recipients(&mail) && check_sender(&mail) &&
        check_content(&mail) && check_lists(&mail) && check_files(&mail) &&
        check_common(&mail, root, ""))
    {
        sandbox = json_get(json_get(root, "mail_settings"), "sandbox_mode");
        ret->status = json_get_bool(sandbox, "enable", false) ? 200 : 202;
        if (ret->status == 202)
        {
            reply_header(ret, "x-message-id", random_hex(arena, 22));
        }
    }
    json_destroy(root);
}

static void
sendgrid_fail(struct double_env *env, int status, struct arena *arena, struct double_reply *ret)
{
    if (status == STATUS_UNREGISTERED)
    {
        answer_error(ret, arena, 400, "Does not contain a valid address.",
                     "personalizations.0.to.0.email");
    }
    else if (status == 429)
    {
        answer_error(ret, arena, status, "too many requests", NULL);
        reply_header(ret, "x-ratelimit-limit", "600");
        reply_header(ret, "x-ratelimit-remaining", "0");
        reply_header(ret, "x-ratelimit-reset",
                     arena_printf(arena, "%lld", (long long) (env->now_us / 1000000 + 1)));
    }
    else if (status == 413)
    {
        reply_html(ret, status, arena);
    }
    else if (status == 401)
    {
        answer_error(ret, arena, status, "Maximum credits exceeded", NULL);
    }
    else if (status == 403)
    {
        answer_error(ret, arena, status,
                     "The from address does not match a verified Sender Identity.", "from");
    }
    else
    {
        answer_error(ret, arena, status, status >= 500 ? "internal error" : "bad request", NULL);
    }
}

static void
sendgrid_render(const struct double_request *request, struct arena *arena, struct rendered *ret)
{
    json *root = json_parse(request->body, request->body_len, NULL);
    const json *first = json_array_at(json_get(root, "personalizations"), 0);
    const json *content = json_get(root, "content");
    const char *subject = json_get_string(first, "subject");

    ret->from = arena_strdup(arena, json_get_string(json_get(root, "from"), "email"));
    ret->to =
        arena_strdup(arena, json_get_string(json_array_at(json_get(first, "to"), 0), "email"));
    ret->subject =
        arena_strdup(arena, subject != NULL ? subject : json_get_string(root, "subject"));
    for (size_t i = 0; i < json_array_length(content); i++)
    {
        const json *part = json_array_at(content, i);
        const char *type = json_get_string(part, "type");
        const char *value = arena_strdup(arena, json_get_string(part, "value"));

        if (type != NULL && strcmp(type, "text/plain") == 0)
        {
            ret->text = value;
        }
        else if (type != NULL && strcmp(type, "text/html") == 0)
        {
            ret->html = value;
        }
    }
    add_files(json_get(root, "attachments"), arena, ret);
    json_destroy(root);
}

static void
sendgrid_fast(uint64_t number, const char *id, char *text, size_t size, struct double_reply *ret)
{
    (void) id;
    snprintf(text, size, "%022llx", (unsigned long long) number);
    ret->status = 202;
    reply_header(ret, "x-message-id", text);
}

const struct sandbox_double double_sendgrid = {
    .name = "sendgrid",
    .prefix = "/v3/mail/",
    .body_max = BODY_MAX + 1,
    .account = "any sender",
    .secrets = { { SECRET, "SG.", SECRET_BASE64URL } },
    .judge = sendgrid_judge,
    .fail = sendgrid_fail,
    .render = sendgrid_render,
    .fast = sendgrid_fast,
};
