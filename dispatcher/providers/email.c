/* Parts of mails. */
#include "providers/email.h"

#include <string.h>

#include "core/json.h"
#include "providers/address.h"
#include "providers/build.h"
#include "providers/mime.h"

#define SUBJECT_BYTES_MAX 2000
#define FROM_NAME_BYTES_MAX 255
#define UNSUBSCRIBE_BYTES_MAX 900 /* a header line holds at most 998 */

static bool
refuse(struct provider_error *reterr, const char *code, const char *reason)
{
    return build_refuse(reterr, OUTCOME_CONTENT, code, reason);
}

static bool
check_unsubscribe(const char *url, struct arena *arena, struct provider_error *reterr)
{
    const char *problem = url == NULL ? NULL : address_check_url(url, false);

    if (url != NULL && problem == NULL && strlen(url) > UNSUBSCRIBE_BYTES_MAX)
    {
        problem = "it is longer than 900 bytes";
    }
    if (problem == NULL)
    {
        return true;
    }
    return refuse(reterr, "bad_unsubscribe_url",
                  arena_printf(arena, "unsubscribe_url cannot be used: %s", problem));
}

static void
add_header(struct email_parts *parts, const char *name, const char *value)
{
    parts->headers[parts->header_count++] = (struct wire_header){ name, value };
}

static bool
read_headers(const struct message *message, struct arena *arena, struct email_parts *ret,
             struct provider_error *reterr)
{
    const char *text = message_part(message, "headers");
    const char *url;
    size_t count = 0;

    ret->header_count = 0;
    if (!build_line(message, "unsubscribe_url", &url, arena, reterr) ||
        !check_unsubscribe(url, arena, reterr))
    {
        return false;
    }
    if (url != NULL)
    {
        add_header(ret, "List-Unsubscribe", arena_printf(arena, "<%s>", url));
        add_header(ret, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click");
    }
    if (text != NULL &&
        !email_header_read(text, arena, ret->headers + ret->header_count, &count, reterr))
    {
        return false;
    }
    ret->header_count += count;
    return true;
}

/* A display name as it is written in front of <mailbox>: blanks and quotes around it go. */
static char *
read_display_name(struct arena *arena, const char *text, size_t len)
{
    char *ret = arena_alloc(arena, len + 1);
    bool quoted;
    size_t to = 0;

    while (len > 0 && text[len - 1] == ' ')
    {
        len--;
    }
    quoted = len >= 2 && text[0] == '"' && text[len - 1] == '"';
    for (size_t i = quoted; i < len - quoted; i++)
    {
        i += quoted && text[i] == '\\' && i + 2 < len;
        ret[to++] = text[i];
    }
    return ret;
}

/*
 * Split "Name <mailbox>" or "mailbox"; *ret_name stays as it is without a name. NULL, or what is
 * wrong.
 */
static const char *
split_sender(struct arena *arena, const char *text, const char **ret_name, const char **ret_mailbox)
{
    const char *open = strrchr(text, '<');
    size_t len = strlen(text);

    if (open == NULL || text[len - 1] != '>')
    {
        *ret_mailbox = text;
        return address_check_mailbox(text);
    }
    *ret_mailbox = arena_strndup(arena, open + 1, len - (size_t) (open - text) - 2);
    if (open > text + strspn(text, " "))
    {
        *ret_name = read_display_name(arena, text + strspn(text, " "),
                                      (size_t) (open - text) - strspn(text, " "));
        if (build_has_control(*ret_name))
        {
            return "the name holds a control character";
        }
        if (strlen(*ret_name) > FROM_NAME_BYTES_MAX)
        {
            return "the name is longer than 255 bytes";
        }
    }
    return address_check_mailbox(*ret_mailbox);
}

/* The category's sender, else the account's. */
static void
choose_sender(const struct message *message, const struct settings *settings, struct arena *arena,
              struct email_parts *ret)
{
    const char *sender = NULL;

    ret->from = settings_get(settings, "from");
    ret->from_name = settings_get(settings, "from_name");
    if (message->category != NULL)
    {
        sender = settings_get_member(settings, "from_by_category", message->category);
    }
    if (sender != NULL)
    {
        /* email_check_settings() found nothing wrong with it. */
        split_sender(arena, sender, &ret->from_name, &ret->from);
    }
}

bool
email_read(const struct message *message, const struct settings *settings, struct arena *arena,
           struct email_parts *ret, struct provider_error *reterr)
{
    const char *problem = address_check_mailbox(message->address);

    if (problem != NULL)
    {
        return build_refuse(
            reterr, OUTCOME_TOKEN_INVALID, "bad_address",
            arena_printf(arena, "the address is not a usable mailbox: %s", problem));
    }
    choose_sender(message, settings, arena, ret);
    ret->text = message_part(message, "text");
    ret->html = message_part(message, "html");
    if (!build_line(message, "subject", &ret->subject, arena, reterr) ||
        !build_line(message, "reply_to", &ret->reply_to, arena, reterr))
    {
        return false;
    }
    if (ret->subject == NULL)
    {
        return refuse(reterr, "empty", "subject is empty");
    }
    if (strlen(ret->subject) > SUBJECT_BYTES_MAX)
    {
        return refuse(reterr, "subject_too_long", "subject is longer than 2000 bytes");
    }
    if (ret->text == NULL && ret->html == NULL)
    {
        return refuse(reterr, "empty", "text and html are both empty");
    }
    if (ret->reply_to == NULL)
    {
        ret->reply_to = settings_get(settings, "reply_to");
    }
    problem = ret->reply_to == NULL ? NULL : address_check_mailbox(ret->reply_to);
    if (problem != NULL)
    {
        return refuse(reterr, "bad_reply_to",
                      arena_printf(arena, "reply_to is not a usable mailbox: %s", problem));
    }
    return read_headers(message, arena, ret, reterr);
}

bool
email_build(const struct message *message, const struct email_parts *parts, struct arena *arena,
            struct wire_request *ret, struct provider_error *reterr)
{
    const struct mime_mail mail = {
        .delivery_id = message->delivery_id,
        .now_s = message->now_s,
        .from = parts->from,
        .from_name = parts->from_name,
        .to = message->address,
        .reply_to = parts->reply_to,
        .subject = parts->subject,
        .text = parts->text,
        .html = parts->html,
        .headers = parts->headers,
        .header_count = parts->header_count,
        .attachments = message->attachments,
        .attachment_count = message->attachment_count,
    };

    return mime_build(arena, &mail, ret, reterr);
}

void
email_set_json(struct wire_request *request, json *document,
               const struct message_attachment *attachments, size_t count, struct arena *arena)
{
    struct wire_piece pieces[MESSAGE_ATTACHMENTS_MAX];

    if (count == 0)
    {
        build_json_body(request, document, arena);
        return;
    }
    for (size_t i = 0; i < count; i++)
    {
        pieces[i] = (struct wire_piece){ .data = attachments[i].data,
                                         .len = attachments[i].size,
                                         .encoding = WIRE_BASE64 };
    }
    build_json_pieces(request, document, "content", pieces, count, count, arena);
}

struct sender_check
{
    struct arena *arena;
    struct provider_error *reterr;
};

static bool
check_sender(const char *category, const char *sender, void *user)
{
    struct sender_check *check = user;
    const char *name;
    const char *mailbox;
    const char *problem = split_sender(check->arena, sender, &name, &mailbox);

    return problem == NULL ||
           build_refuse(check->reterr, OUTCOME_CONFIG, "bad_mailbox",
                        arena_printf(check->arena,
                                     "from_by_category.%s must be a mailbox or Name <mailbox>: %s",
                                     category, problem));
}

bool
email_check_settings(const struct settings *settings, struct arena *arena,
                     struct provider_error *reterr)
{
    static const char *const names[] = { "from", "reply_to", "envelope_from" };
    const char *from_name = settings_get(settings, "from_name");
    struct sender_check check = { arena, reterr };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    {
        const char *value = settings_get(settings, names[i]);
        const char *problem = value == NULL ? NULL : address_check_mailbox(value);

        if (problem != NULL)
        {
            return build_refuse(
                reterr, OUTCOME_CONFIG, "bad_mailbox",
                arena_printf(arena, "%s is not a usable mailbox: %s", names[i], problem));
        }
    }
    if (from_name != NULL && strlen(from_name) > FROM_NAME_BYTES_MAX)
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "setting_too_long",
                            "from_name is longer than 255 bytes");
    }
    return settings_each_member(settings, "from_by_category", check_sender, &check);
}
