/*
 * SendGrid: mail through the v3 API.
 *
 * Parts: subject, text, html, reply_to, unsubscribe_url and headers. The delivery id travels as
 * custom argument nid and comes back in events. 202 means taken over, not delivered. SendGrid has
 * no idempotency key.
 */
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "providers/build.h"
#include "providers/email.h"
#include "providers/mime_text.h"
#include "providers/provider.h"

#define SENDGRID_ENDPOINT "https://api.sendgrid.com"
#define SENDGRID_REQUEST_MAX 31457280
#define SENDGRID_CATEGORY_MAX 255
#define SENDGRID_TIMEOUT_MS 30000
#define RESET_DIGITS_MAX 12

static bool
sendgrid_check(const struct settings *settings, struct arena *arena, struct provider_error *reterr)
{
    const char *sandbox = settings_get(settings, "sandbox_mode");

    if (sandbox != NULL && strcmp(sandbox, "true") != 0 && strcmp(sandbox, "false") != 0)
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_boolean",
                            "sandbox_mode must be true or false");
    }
    return email_check_settings(settings, arena, reterr);
}

static json *
make_mailbox(const char *address, const char *name)
{
    json *mailbox = json_new_object();

    json_put(mailbox, "email", json_new_string(address));
    if (name != NULL)
    {
        json_put(mailbox, "name", json_new_string(name));
    }
    return mailbox;
}

static json *
make_personalizations(const struct message *message)
{
    json *list = json_new_array();
    json *one = json_new_object();
    json *to = json_new_array();
    json *custom = json_new_object();

    json_push(to, make_mailbox(message->address, NULL));
    json_put(one, "to", to);
    json_put(custom, "nid", json_new_string(message->delivery_id));
    json_put(one, "custom_args", custom);
    json_push(list, one);
    return list;
}

static void
push_content(json *content, const char *type, const char *text)
{
    json *part;

    if (text == NULL)
    {
        return;
    }
    part = json_new_object();
    json_put(part, "type", json_new_string(type));
    json_put(part, "value", json_new_string(text));
    json_push(content, part);
}

static json *
make_sandbox_mode(void)
{
    json *settings = json_new_object();
    json *mode = json_new_object();

    json_put(mode, "enable", json_new_bool(true));
    json_put(settings, "sandbox_mode", mode);
    return settings;
}

static json *
make_headers(const struct email_parts *parts, struct arena *arena)
{
    json *headers = json_new_object();

    for (size_t i = 0; i < parts->header_count; i++)
    {
        json_put(headers, parts->headers[i].name,
                 json_new_string(mime_encode_value(arena, parts->headers[i].value)));
    }
    return headers;
}

/* Without their content. */
static json *
make_attachments(const struct message *message, struct arena *arena)
{
    json *list = json_new_array();

    for (size_t i = 0; i < message->attachment_count; i++)
    {
        const struct message_attachment *attachment = &message->attachments[i];
        json *one = json_new_object();

        json_put(one, "content", json_new_string(""));
        json_put(one, "filename", json_new_string(attachment->name));
        /* SendGrid takes no parameters here. */
        json_put(one, "type",
                 json_new_string(arena_strndup(arena, attachment->content_type,
                                               strcspn(attachment->content_type, ";"))));
        json_put(one, "disposition",
                 json_new_string(attachment->content_id != NULL ? "inline" : "attachment"));
        build_put_text(one, "content_id", attachment->content_id);
        json_push(list, one);
    }
    return list;
}

static json *
make_document(const struct settings *settings, const struct message *message,
              const struct email_parts *parts, struct arena *arena)
{
    json *root = json_new_object();
    json *content = json_new_array();

    json_put(root, "personalizations", make_personalizations(message));
    json_put(root, "from", make_mailbox(parts->from, parts->from_name));
    if (parts->reply_to != NULL)
    {
        json_put(root, "reply_to", make_mailbox(parts->reply_to, NULL));
    }
    json_put(root, "subject", json_new_string(parts->subject));
    /* text/plain must come before text/html. */
    push_content(content, "text/plain", parts->text);
    push_content(content, "text/html", parts->html);
    json_put(root, "content", content);
    if (message->attachment_count > 0)
    {
        json_put(root, "attachments", make_attachments(message, arena));
    }
    if (parts->header_count > 0)
    {
        json_put(root, "headers", make_headers(parts, arena));
    }
    if (message->category != NULL)
    {
        json *categories = json_new_array();

        json_push(categories, json_new_string(message->category));
        json_put(root, "categories", categories);
    }
    if (settings_get_bool(settings, "sandbox_mode", false))
    {
        json_put(root, "mail_settings", make_sandbox_mode());
    }
    return root;
}

static bool
sendgrid_build(const struct settings *settings, const struct message *message, struct arena *arena,
               struct wire_request *ret, struct provider_error *reterr)
{
    const char *key = settings_get(settings, "api_key");
    struct email_parts parts;

    if (!email_read(message, settings, arena, &parts, reterr))
    {
        return false;
    }
    if (message->category != NULL &&
        build_count_characters(message->category) > SENDGRID_CATEGORY_MAX)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "category_too_long",
                            "the category is longer than 255 characters");
    }
    build_post(ret, settings, SENDGRID_ENDPOINT, "/v3/mail/send", arena);
    email_set_json(ret, make_document(settings, message, &parts, arena), message->attachments,
                   message->attachment_count, arena);
    if (ret->body_len > SENDGRID_REQUEST_MAX)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "message_too_large",
                            "the request is larger than 30 MB with its attachments");
    }
    return build_header(ret, "accept", "application/json", reterr) &&
           build_header(ret, "authorization", arena_printf(arena, "Bearer %s", key), reterr);
}

/* personalizations.N.to…email: the recipient's address is what is wrong. */
static bool
blames_recipient(const char *field)
{
    const char *p;

    if (field == NULL || strncmp(field, "personalizations.", 17) != 0)
    {
        return false;
    }
    p = field + 17 + strspn(field + 17, "0123456789");
    if (strncmp(p, ".to", 3) != 0 || (p[3] != '.' && p[3] != '[' && p[3] != '\0'))
    {
        return false;
    }
    p += strlen(p);
    return p - field >= 5 && strcmp(p - 5, "email") == 0;
}

/* X-RateLimit-Reset is a time; what we pass on is a wait. */
static int64_t
read_reset_ms(const struct wire_answer *answer, int64_t now_s)
{
    const char *text = wire_answer_header(answer, "x-ratelimit-reset");
    size_t len = text == NULL ? 0 : strspn(text, "0123456789");
    int64_t reset;

    if (len == 0 || len > RESET_DIGITS_MAX || text[len] != '\0')
    {
        return -1;
    }
    reset = strtoll(text, NULL, 10);
    return reset > now_s ? (reset - now_s) * 1000 : 0;
}

static void
sendgrid_classify(const struct settings *settings, const struct message *message,
                  const struct wire_answer *answer, struct arena *arena, struct outcome *ret)
{
    json *root;
    const json *error;
    const char *field;

    (void) settings;
    if (ret->class == OUTCOME_ACCEPTED)
    {
        ret->provider_id = wire_answer_header(answer, "x-message-id");
        ret->reason = answer->status == 200 ? "sandbox mode: accepted, but nothing is sent" : NULL;
        return;
    }
    root = json_parse(answer->body, answer->body_len, NULL);
    error = json_array_at(json_get(root, "errors"), 0);
    field = json_get_string(error, "field");
    ret->code = arena_strdup(arena, field);
    ret->reason = arena_strdup(arena, json_get_string(error, "message"));
    switch (answer->status)
    {
        case 400:
            ret->class = blames_recipient(field) ? OUTCOME_TOKEN_INVALID : OUTCOME_CONTENT;
            break;
        case 404:
        case 405:
        case 406:
        case 415:
        case 451:
            ret->class = OUTCOME_CONFIG;
            break;
        case 429:
            ret->retry_after_ms =
                answer->retry_after_s >= 0 ? -1 : read_reset_ms(answer, message->now_s);
            break;
        default:
            break;
    }
    json_destroy(root);
}

static const struct provider_setting sendgrid_settings[] = {
    { .name = "api_key", .required = true, .secret = true, .doc = "key with the scope mail.send" },
    { .name = "from", .required = true, .doc = "sender's mailbox, verified at SendGrid" },
    { .name = "from_name", .doc = "sender's display name" },
    { .name = "from_by_category", .map = true, .doc = "other senders by category" },
    { .name = "reply_to", .doc = "mailbox for answers, unless the template has one" },
    { .name = "sandbox_mode", .doc = "true: SendGrid checks the mail and sends nothing" },
    { .name = NULL },
};

const struct provider provider_sendgrid = {
    .kind = "sendgrid",
    .channel = CHANNEL_EMAIL,
    .doc = "SendGrid v3 mail API",
    .settings = sendgrid_settings,
    .total_timeout_ms = SENDGRID_TIMEOUT_MS,
    .check = sendgrid_check,
    .build = sendgrid_build,
    .classify = sendgrid_classify,
};
