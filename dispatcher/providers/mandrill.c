/*
 * Mailchimp Transactional (Mandrill): mail through messages/send of its API 1.3.
 *
 * The key stands in the body. The answer is an array with what became of each recipient, whatever
 * the HTTP status; errors of the request are objects with a name, mostly with status 500. The
 * delivery id travels in the metadata as nid. There is no idempotency key.
 */
#include <string.h>
#include <strings.h>

#include "core/json.h"
#include "providers/build.h"
#include "providers/email.h"
#include "providers/mime_text.h"
#include "providers/provider.h"

#define MANDRILL_ENDPOINT "https://mandrillapp.com"
#define MANDRILL_REQUEST_MAX 26214400
#define MANDRILL_TAG_MAX 50
#define MANDRILL_TIMEOUT_MS 30000

struct class_row
{
    const char *name;
    enum outcome_class class;
};

/* Names of errors of the whole request. */
static const struct class_row error_classes[] = {
    { "Invalid_Key", OUTCOME_CONFIG },
    { "PaymentRequired", OUTCOME_CONFIG },
    { "Unknown_Subaccount", OUTCOME_CONFIG },
    { "Unknown_Template", OUTCOME_CONFIG },
    { "ValidationError", OUTCOME_CONTENT },
    { "RequestLimitExceeded", OUTCOME_THROTTLE },
    { "GeneralError", OUTCOME_UNKNOWN },
    { "ServiceUnavailable", OUTCOME_UNKNOWN },
    { NULL, OUTCOME_UNKNOWN },
};

/* Why a recipient was rejected. */
static const struct class_row reject_classes[] = {
    { "hard-bounce", OUTCOME_TOKEN_INVALID },
    { "soft-bounce", OUTCOME_RETRY },
    { "spam", OUTCOME_SUPPRESSED },
    { "unsub", OUTCOME_SUPPRESSED },
    { "custom", OUTCOME_SUPPRESSED },
    { "invalid", OUTCOME_TOKEN_INVALID },
    { "invalid-sender", OUTCOME_CONFIG },
    { "unsigned", OUTCOME_CONFIG },
    { "test-mode-limit", OUTCOME_CONFIG },
    { "rule", OUTCOME_CONFIG },
    { NULL, OUTCOME_CONTENT },
};

/* The row of that name, else the one that ends the table. */
static const struct class_row *
find_row(const struct class_row *rows, const char *name)
{
    while (rows->name != NULL && (name == NULL || strcmp(rows->name, name) != 0))
    {
        rows++;
    }
    return rows;
}

static json *
make_recipients(const struct message *message)
{
    json *list = json_new_array();
    json *one = json_new_object();

    json_put(one, "email", json_new_string(message->address));
    json_put(one, "type", json_new_string("to"));
    json_push(list, one);
    return list;
}

/* Mandrill has no member for Reply-To. */
static json *
make_headers(const struct email_parts *parts, struct arena *arena)
{
    json *headers = json_new_object();

    if (parts->reply_to != NULL)
    {
        json_put(headers, "Reply-To", json_new_string(parts->reply_to));
    }
    for (size_t i = 0; i < parts->header_count; i++)
    {
        json_put(headers, parts->headers[i].name,
                 json_new_string(mime_encode_value(arena, parts->headers[i].value)));
    }
    return headers;
}

/* What HTML shows by cid:NAME goes as one of the images, which must be such. */
static bool
is_image(const struct message_attachment *attachment)
{
    return attachment->content_id != NULL &&
           strncasecmp(attachment->content_type, "image/", 6) == 0;
}

/* Without their content. Returns the end of ret, to which those it lists are appended. */
static struct message_attachment *
put_files(json *mail, const char *name, const struct message *message, bool images,
          struct message_attachment *ret)
{
    json *list = json_new_array();

    for (size_t i = 0; i < message->attachment_count; i++)
    {
        const struct message_attachment *attachment = &message->attachments[i];
        json *one;

        if (is_image(attachment) != images)
        {
            continue;
        }
        one = json_new_object();
        json_put(one, "type", json_new_string(attachment->content_type));
        json_put(one, "name", json_new_string(images ? attachment->content_id : attachment->name));
        json_put(one, "content", json_new_string(""));
        json_push(list, one);
        *ret++ = *attachment;
    }
    if (json_array_length(list) > 0)
    {
        json_put(mail, name, list);
    }
    else
    {
        json_destroy(list);
    }
    return ret;
}

/* The files it names are put into ret_files in the order of their places. */
static json *
make_mail(const struct settings *settings, const struct message *message,
          const struct email_parts *parts, struct message_attachment *ret_files,
          struct arena *arena)
{
    json *mail = json_new_object();
    json *metadata = json_new_object();

    build_put_text(mail, "html", parts->html);
    build_put_text(mail, "text", parts->text);
    build_put_text(mail, "subject", parts->subject);
    build_put_text(mail, "from_email", parts->from);
    build_put_text(mail, "from_name", parts->from_name);
    json_put(mail, "to", make_recipients(message));
    if (parts->reply_to != NULL || parts->header_count > 0)
    {
        json_put(mail, "headers", make_headers(parts, arena));
    }
    json_put(mail, "preserve_recipients", json_new_bool(false));
    if (message->category != NULL)
    {
        json *tags = json_new_array();

        json_push(tags, json_new_string(message->category));
        json_put(mail, "tags", tags);
    }
    build_put_text(mail, "subaccount", settings_get(settings, "subaccount"));
    json_put(metadata, "nid", json_new_string(message->delivery_id));
    json_put(mail, "metadata", metadata);
    ret_files = put_files(mail, "attachments", message, false, ret_files);
    put_files(mail, "images", message, true, ret_files);
    return mail;
}

static bool
mandrill_build(const struct settings *settings, const struct message *message, struct arena *arena,
               struct wire_request *ret, struct provider_error *reterr)
{
    struct message_attachment files[MESSAGE_ATTACHMENTS_MAX];
    struct email_parts parts;
    json *root;

    if (!email_read(message, settings, arena, &parts, reterr))
    {
        return false;
    }
    if (message->category != NULL && build_count_characters(message->category) > MANDRILL_TAG_MAX)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "category_too_long",
                            "the category is longer than 50 characters, which a tag may have");
    }
    root = json_new_object();
    json_put(root, "key", json_new_string(settings_get(settings, "api_key")));
    json_put(root, "message", make_mail(settings, message, &parts, files, arena));
    /* Otherwise the answer would come before Mandrill knows what becomes of the mail. */
    json_put(root, "async", json_new_bool(false));
    build_post(ret, settings, MANDRILL_ENDPOINT, "/api/1.3/messages/send", arena);
    email_set_json(ret, root, files, message->attachment_count, arena);
    if (ret->body_len > MANDRILL_REQUEST_MAX)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "message_too_large",
                            "the request is larger than 25 MB with its attachments");
    }
    return true;
}

/* The element about a mailbox; one that names none is about the only recipient there is. */
static const json *
find_recipient(const json *list, const char *mailbox)
{
    for (size_t i = 0; i < json_array_length(list); i++)
    {
        const json *recipient = json_array_at(list, i);
        const char *email = json_get_string(recipient, "email");

        if (email == NULL || strcasecmp(email, mailbox) == 0)
        {
            return recipient;
        }
    }
    return NULL;
}

/* What became of the one recipient. */
static void
judge_recipient(const json *recipient, struct arena *arena, struct outcome *ret)
{
    const char *status = json_get_string(recipient, "status");
    const char *rejected = json_get_string(recipient, "reject_reason");
    const char *queued = json_get_string(recipient, "queued_reason");

    ret->class = OUTCOME_UNKNOWN;
    if (status == NULL)
    {
        ret->reason = "the answer does not say what became of the mail";
        return;
    }
    ret->provider_id = arena_strdup(arena, json_get_string(recipient, "_id"));
    if (strcmp(status, "sent") == 0 || strcmp(status, "queued") == 0 ||
        strcmp(status, "scheduled") == 0)
    {
        ret->class = OUTCOME_ACCEPTED;
        /* It may wait there for a quota, or for an account that is suspended. */
        ret->code = arena_strdup(arena, queued);
        ret->reason = queued == NULL ? NULL : arena_printf(arena, "queued: %s", queued);
        return;
    }
    if (strcmp(status, "rejected") == 0 || strcmp(status, "invalid") == 0)
    {
        if (rejected == NULL && status[0] == 'i')
        {
            rejected = "invalid";
        }
        ret->class = find_row(reject_classes, rejected)->class;
        ret->code = arena_strdup(arena, rejected != NULL ? rejected : status);
    }
    ret->reason = arena_printf(arena, "status %s", status);
}

static void
mandrill_classify(const struct settings *settings, const struct message *message,
                  const struct wire_answer *answer, struct arena *arena, struct outcome *ret)
{
    json *root = json_parse(answer->body, answer->body_len, NULL);
    const char *name = json_get_string(root, "name");

    (void) settings;
    if (name != NULL)
    {
        const struct class_row *row = find_row(error_classes, name);

        if (row->name != NULL || ret->class == OUTCOME_ACCEPTED)
        {
            ret->class = row->class;
        }
        ret->code = arena_strdup(arena, name);
        ret->reason = arena_strdup(arena, json_get_string(root, "message"));
    }
    else if (ret->class == OUTCOME_ACCEPTED)
    {
        judge_recipient(find_recipient(root, message->address), arena, ret);
    }
    json_destroy(root);
}

static const struct provider_setting mandrill_settings[] = {
    { .name = "api_key",
      .required = true,
      .secret = true,
      .doc = "key that may call messages/send" },
    { .name = "from", .required = true, .doc = "sender's mailbox, of a verified domain" },
    { .name = "from_name", .doc = "sender's display name" },
    { .name = "from_by_category", .map = true, .doc = "other senders by category" },
    { .name = "reply_to", .doc = "mailbox for answers, unless the template has one" },
    { .name = "subaccount", .doc = "id of the subaccount to send for" },
    { .name = NULL },
};

const struct provider provider_mandrill = {
    .kind = "mandrill",
    .channel = CHANNEL_EMAIL,
    .doc = "Mailchimp Transactional (Mandrill)",
    .settings = mandrill_settings,
    .total_timeout_ms = MANDRILL_TIMEOUT_MS,
    .check = email_check_settings,
    .build = mandrill_build,
    .classify = mandrill_classify,
};
