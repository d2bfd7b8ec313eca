/*
 * Amazon SES: mail through SendEmail of its API v2, signed with Signature Version 4.
 *
 * The mail goes out as the raw message that SMTP sends too; From is what its header says. The
 * delivery id travels as the tag nid and comes back in events. SES has no idempotency key, and it
 * replaces the Message-ID.
 */
#include <string.h>

#include "core/json.h"
#include "core/sigv4.h"
#include "providers/build.h"
#include "providers/email.h"
#include "providers/provider.h"

#define SES_TIMEOUT_MS 30000
#define REGION_BYTES_MAX 32
#define NAME_BYTES_MAX 64
#define QUOTA_WAIT_MS 3600000 /* the quota of 24 hours frees little by little */

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

struct ses_row
{
    const char *name;
    enum outcome_class class;
};

/* Names of errors; all others are judged by their status. */
static const struct ses_row ses_errors[] = {
    { "BadRequestException", OUTCOME_CONTENT },
    { "MessageRejected", OUTCOME_CONTENT },
    { "AccountSuspendedException", OUTCOME_CONFIG },
    { "SendingPausedException", OUTCOME_CONFIG },
    { "MailFromDomainNotVerifiedException", OUTCOME_CONFIG },
    { "LimitExceededException", OUTCOME_THROTTLE },
    { "TooManyRequestsException", OUTCOME_THROTTLE },
    { "ThrottlingException", OUTCOME_THROTTLE },
    { "NotFoundException", OUTCOME_CONFIG },
    { "ConflictException", OUTCOME_RETRY },
    { "InternalServiceErrorException", OUTCOME_UNKNOWN },
    { "ServiceUnavailable", OUTCOME_UNKNOWN },
};

static bool
is_made_of(const char *text, const char *characters, size_t max)
{
    return strlen(text) <= max && text[strspn(text, characters)] == '\0';
}

static bool
ses_check(const struct settings *settings, struct arena *arena, struct provider_error *reterr)
{
    const char *token = settings_get(settings, "session_token");
    const char *set = settings_get(settings, "configuration_set");
    const char *endpoint = settings_get(settings, "endpoint");

    if (endpoint != NULL && strpbrk(endpoint, UPPER) != NULL)
    {
        /* Hosts are sent in lower case, or not, by version of HTTP; what is signed is one of both.
         */
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_endpoint",
                            "endpoint must be in lower case, as it is signed");
    }
    if (!is_made_of(settings_get(settings, "region"), LOWER DIGITS "-", REGION_BYTES_MAX))
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_region",
                            "region must be a name like eu-west-1");
    }
    if (!is_made_of(settings_get(settings, "access_key_id"), UPPER DIGITS, 128))
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_access_key_id",
                            "access_key_id must be capital letters and digits");
    }
    if (token != NULL && strchr(token, ' ') != NULL)
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_session_token",
                            "session_token must hold no blanks");
    }
    if (set != NULL && !is_made_of(set, LOWER UPPER DIGITS "_-", NAME_BYTES_MAX))
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_configuration_set",
                            "configuration_set must be letters, digits, _ and -, at most 64");
    }
    return email_check_settings(settings, arena, reterr);
}

static void
push_tag(json *tags, const char *name, const char *value)
{
    json *tag = json_new_object();

    json_put(tag, "Name", json_new_string(name));
    json_put(tag, "Value", json_new_string(value));
    json_push(tags, tag);
}

static json *
make_tags(const struct message *message)
{
    json *tags = json_new_array();

    push_tag(tags, "nid", message->delivery_id);
    if (message->category != NULL &&
        is_made_of(message->category, LOWER UPPER DIGITS "_-", NAME_BYTES_MAX))
    {
        push_tag(tags, "category", message->category);
    }
    return tags;
}

/* Without the mail, whose place is the empty member Data. */
static json *
make_document(const struct settings *settings, const struct message *message)
{
    const char *set = settings_get(settings, "configuration_set");
    json *root = json_new_object();
    json *destination = json_new_object();
    json *to = json_new_array();
    json *content = json_new_object();
    json *raw = json_new_object();

    json_push(to, json_new_string(message->address));
    json_put(destination, "ToAddresses", to);
    json_put(root, "Destination", destination);
    json_put(raw, "Data", json_new_string(""));
    json_put(content, "Raw", raw);
    json_put(root, "Content", content);
    json_put(root, "EmailTags", make_tags(message));
    if (set != NULL)
    {
        json_put(root, "ConfigurationSetName", json_new_string(set));
    }
    return root;
}

static bool
ses_build(const struct settings *settings, const struct message *message, struct arena *arena,
          struct wire_request *ret, struct provider_error *reterr)
{
    const struct sigv4_account account = {
        .access_key_id = settings_get(settings, "access_key_id"),
        .secret_access_key = settings_get(settings, "secret_access_key"),
        .session_token = settings_get(settings, "session_token"),
        .region = settings_get(settings, "region"),
        .service = "ses",
    };
    struct email_parts parts;
    struct wire_request mail;
    struct wire_piece *pieces;
    const char *problem;

    if (!email_read(message, settings, arena, &parts, reterr) ||
        !email_build(message, &parts, arena, &mail, reterr))
    {
        return false;
    }
    pieces = arena_alloc(arena, mail.piece_count * sizeof(*pieces));
    for (size_t i = 0; i < mail.piece_count; i++)
    {
        pieces[i] = mail.pieces[i];
        pieces[i].enclosed = true;
    }
    build_post(ret, settings, arena_printf(arena, "https://email.%s.amazonaws.com", account.region),
               "/v2/email/outbound-emails", arena);
    build_json_pieces(ret, make_document(settings, message), "Data", pieces, mail.piece_count, 1,
                      arena);
    problem = sigv4_sign(ret, &account, message->now_s, arena);
    return problem == NULL || build_refuse(reterr, OUTCOME_CONFIG, "cannot_sign", problem);
}

/* The error's name: of prefix#name:URL what stands between # and colon. */
static const char *
read_error_name(const struct wire_answer *answer, const json *root, struct arena *arena)
{
    const char *type = wire_answer_header(answer, "x-amzn-errortype");
    const char *hash;

    type = type != NULL ? type : json_get_string(root, "__type");
    type = type != NULL ? type : json_get_string(root, "code");
    if (type == NULL)
    {
        return NULL;
    }
    type = arena_strndup(arena, type, strcspn(type, ":"));
    hash = strchr(type, '#');
    return hash != NULL ? hash + 1 : type;
}

/* One name stands for several conditions, which only the text tells apart. */
static void
refine_by_text(const char *text, struct outcome *ret)
{
    if (strcmp(ret->code, "MessageRejected") == 0 && strcasestr(text, "not verified") != NULL)
    {
        ret->class = OUTCOME_CONFIG;
    }
    if (ret->class == OUTCOME_THROTTLE && strcasestr(text, "daily message quota") != NULL)
    {
        ret->retry_after_ms = QUOTA_WAIT_MS;
    }
}

static void
ses_classify(const struct settings *settings, const struct message *message,
             const struct wire_answer *answer, struct arena *arena, struct outcome *ret)
{
    json *root = json_parse(answer->body, answer->body_len, NULL);
    const char *text = json_get_string(root, "message");

    (void) settings;
    (void) message;
    if (ret->class == OUTCOME_ACCEPTED)
    {
        ret->provider_id = arena_strdup(arena, json_get_string(root, "MessageId"));
        json_destroy(root);
        return;
    }
    text = text != NULL ? text : json_get_string(root, "Message");
    ret->code = read_error_name(answer, root, arena);
    ret->reason = arena_strdup(arena, text);
    for (size_t i = 0; ret->code != NULL && i < sizeof(ses_errors) / sizeof(ses_errors[0]); i++)
    {
        if (strcmp(ses_errors[i].name, ret->code) == 0)
        {
            ret->class = ses_errors[i].class;
        }
    }
    if (ret->code != NULL && text != NULL)
    {
        refine_by_text(text, ret);
    }
    json_destroy(root);
}

static const struct provider_setting ses_settings[] = {
    { .name = "region", .required = true, .doc = "AWS region, like eu-west-1" },
    { .name = "access_key_id",
      .required = true,
      .secret = true,
      .doc = "access key that may call ses:SendRawEmail" },
    { .name = "secret_access_key",
      .required = true,
      .secret = true,
      .doc = "secret of the access key" },
    { .name = "session_token", .secret = true, .doc = "of temporary credentials" },
    { .name = "from", .required = true, .doc = "sender's mailbox, a verified identity" },
    { .name = "from_name", .doc = "sender's display name" },
    { .name = "from_by_category", .map = true, .doc = "other senders by category" },
    { .name = "reply_to", .doc = "mailbox for answers, unless the template has one" },
    { .name = "configuration_set", .doc = "configuration set of the mails" },
    { .name = NULL },
};

const struct provider provider_ses = {
    .kind = "ses",
    .channel = CHANNEL_EMAIL,
    .doc = "Amazon SES API v2",
    .settings = ses_settings,
    .total_timeout_ms = SES_TIMEOUT_MS,
    .check = ses_check,
    .build = ses_build,
    .classify = ses_classify,
};
