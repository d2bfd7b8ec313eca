/*
 * Slack: incoming webhooks (docs.slack.dev; error words of api.slack.com's note of 2016-05-17).
 *
 * The address is the webhook's URL, which is the credential as well; it must lie below the
 * account's endpoint, so that nobody's address can lead the dispatcher elsewhere. The part text is
 * plain: what Slack would read as a link or a mention is escaped. Answers are bare words, and there
 * is no id.
 */
#include <string.h>

#include "core/json.h"
#include "providers/address.h"
#include "providers/build.h"
#include "providers/provider.h"

#define SLACK_ENDPOINT "https://hooks.slack.com"
#define SLACK_TEXT_MAX 40000
#define SLACK_ESCAPED_BYTES_MAX 1048576
#define SLACK_WORD_MAX 64
#define SLACK_TIMEOUT_MS 30000

struct slack_word
{
    const char *word;
    enum outcome_class class;
};

static const struct slack_word slack_words[] = {
    { "action_prohibited", OUTCOME_CONFIG },
    { "channel_is_archived", OUTCOME_TOKEN_INVALID },
    { "channel_not_found", OUTCOME_TOKEN_INVALID },
    { "invalid_blocks", OUTCOME_CONTENT },
    { "invalid_blocks_format", OUTCOME_CONTENT },
    { "invalid_payload", OUTCOME_CONTENT },
    { "invalid_token", OUTCOME_TOKEN_INVALID },
    { "missing_text_or_fallback_or_attachments", OUTCOME_CONTENT },
    { "no_active_hooks", OUTCOME_TOKEN_INVALID },
    { "no_service", OUTCOME_TOKEN_INVALID },
    { "no_team", OUTCOME_TOKEN_INVALID },
    { "no_text", OUTCOME_CONTENT },
    { "posting_to_general_channel_denied", OUTCOME_CONFIG },
    { "rate_limited", OUTCOME_THROTTLE },
    { "rollup_error", OUTCOME_UNKNOWN },
    { "team_disabled", OUTCOME_TOKEN_INVALID },
    { "too_many_attachments", OUTCOME_CONTENT },
    { "user_not_found", OUTCOME_TOKEN_INVALID },
};

/* The text with & < > as Slack wants them; NULL when it becomes too large. */
static const char *
escape(const char *text, struct arena *arena)
{
    struct buf out;
    const char *ret = NULL;

    buf_init(&out, SLACK_ESCAPED_BYTES_MAX);
    for (; *text != '\0'; text++)
    {
        switch (*text)
        {
            case '&':
                buf_puts(&out, "&amp;");
                break;
            case '<':
                buf_puts(&out, "&lt;");
                break;
            case '>':
                buf_puts(&out, "&gt;");
                break;
            default:
                buf_putc(&out, *text);
                break;
        }
    }
    if (!out.overflow)
    {
        ret = arena_strndup(arena, out.data, out.len);
    }
    buf_finish(&out);
    return ret;
}

/* The URL must lie below the account's endpoint, which stands in `below`. */
static bool
check_address(const struct settings *settings, const char *address, const char *below,
              struct arena *arena, struct provider_error *reterr)
{
    const char *problem =
        address_check_url(address, settings_get_bool(settings, "allow_http", false));

    if (problem != NULL)
    {
        return build_refuse(reterr, OUTCOME_TOKEN_INVALID, "bad_address",
                            arena_printf(arena, "the URL cannot be used: %s", problem));
    }
    /* Which of the two is wrong is not known: the address stays. */
    return strncmp(address, below, strlen(below)) == 0 ||
           build_refuse(reterr, OUTCOME_CONTENT, "wrong_endpoint",
                        "the URL does not lie below the account's endpoint");
}

static bool
slack_build(const struct settings *settings, const struct message *message, struct arena *arena,
            struct wire_request *ret, struct provider_error *reterr)
{
    const char *text = message_part(message, "text");
    json *document;

    build_post(ret, settings, SLACK_ENDPOINT, "/", arena);
    if (!check_address(settings, message->address, ret->url, arena, reterr))
    {
        return false;
    }
    if (text == NULL)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "empty", "text is empty");
    }
    if (build_count_characters(text) > SLACK_TEXT_MAX)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "text_too_long",
                            "text is longer than 40000 characters");
    }
    document = json_new_object();
    build_put_text(document, "text", escape(text, arena));
    ret->url = message->address;
    build_json_body(ret, document, arena);
    return true;
}

/* The bare word that an answer consists of, or NULL. */
static const char *
read_word(const struct wire_answer *answer, struct arena *arena)
{
    size_t len = strspn(answer->body, "abcdefghijklmnopqrstuvwxyz_");
    size_t rest = len + strspn(answer->body + len, " \r\n");

    return len > 0 && len <= SLACK_WORD_MAX && rest == answer->body_len
               ? arena_strndup(arena, answer->body, len)
               : NULL;
}

static void
slack_classify(const struct settings *settings, const struct message *message,
               const struct wire_answer *answer, struct arena *arena, struct outcome *ret)
{
    const char *word = read_word(answer, arena);
    const struct slack_word *row = NULL;

    (void) settings;
    (void) message;
    if (ret->class == OUTCOME_ACCEPTED)
    {
        return;
    }
    for (size_t i = 0; word != NULL && i < sizeof(slack_words) / sizeof(slack_words[0]); i++)
    {
        if (strcmp(slack_words[i].word, word) == 0)
        {
            row = &slack_words[i];
        }
    }
    ret->code = word;
    ret->reason = arena_printf(arena, "Slack answered %d", answer->status);
    if (row != NULL)
    {
        ret->class = row->class;
    }
    else if (answer->status == 404 || answer->status == 410)
    {
        ret->class = OUTCOME_TOKEN_INVALID;
        ret->suspect = true;
    }
    /* Each webhook has a limit and a workspace of its own. */
    ret->address_only = ret->class == OUTCOME_THROTTLE || ret->class == OUTCOME_CONFIG;
}

static const struct provider_setting slack_settings[] = { { .name = NULL } };

const struct provider provider_slack = {
    .kind = "slack",
    .channel = CHANNEL_CHAT,
    .issuer = "slack",
    .doc = "Slack incoming webhooks",
    .settings = slack_settings,
    .total_timeout_ms = SLACK_TIMEOUT_MS,
    .build = slack_build,
    .classify = slack_classify,
};
