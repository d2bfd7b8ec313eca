/*
 * Telegram: a bot's sendMessage (Bot API, core.telegram.org/bots/api).
 *
 * The address is the id of a chat, or the @name of a public channel. The bot's token stands in the
 * URL, which therefore is as secret as a header. The part text is sent as plain text, so nothing in
 * it is markup. There is no idempotency key; the hint of a 429 stands in the answer's body.
 */
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "providers/build.h"
#include "providers/provider.h"

#define TELEGRAM_ENDPOINT "https://api.telegram.org"
#define TELEGRAM_TEXT_MAX 4096
#define TELEGRAM_ID_DIGITS_MAX 18
#define TELEGRAM_NAME_MAX 32
#define TELEGRAM_PAUSE_MAX_S 2592000
#define TELEGRAM_TIMEOUT_MS 30000

#define DIGITS "0123456789"
#define NAME_CHARACTERS DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"

/* What a description says, by status; the first row that matches counts. */
struct telegram_error
{
    int status;
    const char *words;
    enum outcome_class class;
};

static const struct telegram_error telegram_errors[] = {
    { 400, "chat not found", OUTCOME_TOKEN_INVALID },
    { 403, "user is deactivated", OUTCOME_TOKEN_INVALID },
    { 403, "", OUTCOME_SUPPRESSED }, /* blocked, kicked, never spoken to: always this chat's will */
    { 404, "", OUTCOME_CONFIG },     /* no bot has this token */
};

static bool
telegram_check(const struct settings *settings, struct arena *arena, struct provider_error *reterr)
{
    const char *token = settings_get(settings, "bot_token");
    size_t id = strspn(token, DIGITS);

    (void) arena;
    if (id == 0 || token[id] != ':' || token[id + 1] == '\0' ||
        token[id + 1 + strspn(token + id + 1, NAME_CHARACTERS "-")] != '\0')
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_token",
                            "bot_token is not a number, a colon and letters, digits, _ and -");
    }
    return true;
}

/* A chat's id as a number or name; NULL when it is neither. */
static json *
make_chat_id(const char *address)
{
    const char *digits = address[0] == '-' ? address + 1 : address;
    size_t len = strspn(digits, DIGITS);

    if (len > 0 && len <= TELEGRAM_ID_DIGITS_MAX && digits[len] == '\0' && digits[0] != '0')
    {
        return json_new_int(strtoll(address, NULL, 10));
    }
    len = address[0] == '@' ? strspn(address + 1, NAME_CHARACTERS) : 0;
    return len > 0 && len <= TELEGRAM_NAME_MAX && address[1 + len] == '\0'
               ? json_new_string(address)
               : NULL;
}

static bool
telegram_build(const struct settings *settings, const struct message *message, struct arena *arena,
               struct wire_request *ret, struct provider_error *reterr)
{
    const char *text = message_part(message, "text");
    json *chat_id;
    json *document;

    if (text == NULL)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "empty", "text is empty");
    }
    if (build_count_characters(text) > TELEGRAM_TEXT_MAX)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "text_too_long",
                            "text is longer than 4096 characters");
    }
    chat_id = make_chat_id(message->address);
    if (chat_id == NULL)
    {
        return build_refuse(reterr, OUTCOME_TOKEN_INVALID, "bad_address",
                            "the address is neither the id of a chat nor the @name of a channel");
    }
    document = json_new_object();
    json_put(document, "chat_id", chat_id);
    build_put_text(document, "text", text);
    build_post(ret, settings, TELEGRAM_ENDPOINT,
               arena_printf(arena, "/bot%s/sendMessage", settings_get(settings, "bot_token")),
               arena);
    build_json_body(ret, document, arena);
    return true;
}

static void
judge_error(const json *root, int status, struct arena *arena, struct outcome *ret)
{
    const json *parameters = json_get(root, "parameters");
    const char *description = json_get_string(root, "description");
    int64_t pause_s = json_get_int(parameters, "retry_after", -1);
    size_t i = 0;

    while (i < sizeof(telegram_errors) / sizeof(telegram_errors[0]) &&
           (telegram_errors[i].status != status ||
            strcasestr(description == NULL ? "" : description, telegram_errors[i].words) == NULL))
    {
        i++;
    }
    if (i < sizeof(telegram_errors) / sizeof(telegram_errors[0]))
    {
        ret->class = telegram_errors[i].class;
    }
    ret->code = json_is_object(root) ? arena_printf(arena, "%d", status) : NULL;
    ret->reason = arena_strdup(arena, description);
    if (json_get(parameters, "migrate_to_chat_id") != NULL)
    {
        ret->class = OUTCOME_TOKEN_INVALID;
        ret->reason = "the group has become a supergroup: register its new chat id";
    }
    if (ret->class == OUTCOME_THROTTLE && pause_s >= 0)
    {
        ret->retry_after_ms =
            (pause_s < TELEGRAM_PAUSE_MAX_S ? pause_s : TELEGRAM_PAUSE_MAX_S) * 1000;
    }
}

static void
telegram_classify(const struct settings *settings, const struct message *message,
                  const struct wire_answer *answer, struct arena *arena, struct outcome *ret)
{
    json *root = json_parse(answer->body, answer->body_len, NULL);
    int64_t sent = json_get_int(json_get(root, "result"), "message_id", -1);

    (void) settings;
    (void) message;
    if (ret->class == OUTCOME_ACCEPTED && json_get_bool(root, "ok", true))
    {
        ret->provider_id = sent >= 0 ? arena_printf(arena, "%lld", (long long) sent) : NULL;
    }
    else
    {
        /* The body repeats the status, and is right when something in between has changed it. */
        int status = (int) json_get_int(root, "error_code", answer->status);

        ret->class = provider_class_of_status(status);
        ret->class = ret->class == OUTCOME_ACCEPTED ? OUTCOME_UNKNOWN : ret->class;
        judge_error(root, status, arena, ret);
    }
    json_destroy(root);
}

static const struct provider_setting telegram_settings[] = {
    { .name = "bot_token",
      .required = true,
      .secret = true,
      .doc = "token of the bot, as BotFather gave it" },
    { .name = NULL },
};

const struct provider provider_telegram = {
    .kind = "telegram",
    .channel = CHANNEL_CHAT,
    .issuer = "telegram",
    .doc = "Telegram bots",
    .settings = telegram_settings,
    .total_timeout_ms = TELEGRAM_TIMEOUT_MS,
    .check = telegram_check,
    .build = telegram_build,
    .classify = telegram_classify,
};
