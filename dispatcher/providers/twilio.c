/*
 * Twilio: SMS and MMS through the Messages API.
 *
 * The address is an E.164 number; the part text is the body, the part media what an MMS
 * carries. The account signs in with its auth
 * token, or with an API key when key_sid is set (auth_token is then the key's secret). Exactly one
 * of `from` and `messaging_service_sid` chooses the sender, where from_by_country has none.
 * status_callback gets the delivery id as query parameter nid. Twilio has no idempotency key: only
 * a 429 is known not to have been processed. Codes decide first, the HTTP status when the code is
 * not in the table.
 */
#include <string.h>

#include "providers/build.h"
#include "providers/media.h"
#include "providers/provider.h"
#include "providers/sender.h"
#include "providers/twilio_api.h"

#define TWILIO_BODY_MAX 1600
#define TWILIO_VALIDITY_MAX_S 36000

static bool
is_service(const char *text)
{
    return twilio_is_sid(text, "MG");
}

static bool
is_sender_or_service(const char *text)
{
    return is_service(text) || sender_is_valid(text);
}

static bool
twilio_check(const struct settings *settings, struct arena *arena, struct provider_error *reterr)
{
    const char *from = settings_get(settings, "from");
    const char *service = settings_get(settings, "messaging_service_sid");

    if (!twilio_check_account(settings, arena, reterr))
    {
        return false;
    }
    if (service != NULL && !is_service(service))
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_sid",
                            "messaging_service_sid is not MG and 32 hexadecimal digits");
    }
    if ((from == NULL) == (service == NULL))
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "sender",
                            "exactly one of from and messaging_service_sid is needed");
    }
    if (from != NULL && !sender_is_valid(from))
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "sender",
                            "from is neither an E.164 number nor a short code nor a name of at "
                            "most 11 characters");
    }
    return sender_check(settings, is_sender_or_service,
                        "neither an E.164 number nor a short code nor a name of at most 11 "
                        "characters nor MG and 32 hexadecimal digits",
                        arena, reterr);
}

struct content
{
    const char *text; /* NULL: none */
    const char *media[MEDIA_MAX];
    size_t media_count;
};

static bool
read_content(const struct message *message, struct arena *arena, struct content *ret,
             struct provider_error *reterr)
{
    ret->text = message_part(message, "text");
    if (!media_read(message, MEDIA_MAX, arena, ret->media, &ret->media_count, reterr))
    {
        return false;
    }
    if (ret->text == NULL && ret->media_count == 0)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "empty", "text is empty");
    }
    if (ret->text != NULL && build_count_characters(ret->text) > TWILIO_BODY_MAX)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "text_too_long",
                            "text is longer than 1600 characters");
    }
    return true;
}

static void
add_fields(const struct settings *settings, const struct message *message,
           const struct content *content, struct arena *arena, struct buf *form)
{
    const char *from = settings_get(settings, "from");
    const char *service = settings_get(settings, "messaging_service_sid");
    const char *sender = sender_choose(settings, message->address, from != NULL ? from : service);

    build_form_field(form, "To", message->address);
    build_form_field(form, is_service(sender) ? "MessagingServiceSid" : "From", sender);
    if (content->text != NULL)
    {
        build_form_field(form, "Body", content->text);
    }
    for (size_t i = 0; i < content->media_count; i++)
    {
        build_form_field(form, "MediaUrl", content->media[i]);
    }
    twilio_add_callback(form, settings, message, arena);
    if (message->expires_at_s > 0)
    {
        int64_t left = message->expires_at_s - message->now_s;

        left = left < 1 ? 1 : left > TWILIO_VALIDITY_MAX_S ? TWILIO_VALIDITY_MAX_S : left;
        build_form_field(form, "ValidityPeriod", arena_printf(arena, "%lld", (long long) left));
    }
}

static bool
twilio_build(const struct settings *settings, const struct message *message, struct arena *arena,
             struct wire_request *ret, struct provider_error *reterr)
{
    struct content content;
    struct buf form;

    if (!twilio_check_address(message, arena, reterr) ||
        !read_content(message, arena, &content, reterr))
    {
        return false;
    }
    buf_init(&form, TWILIO_FORM_BYTES_MAX);
    add_fields(settings, message, &content, arena, &form);
    return twilio_finish(ret, settings, "Messages.json", &form, arena, reterr);
}

static const struct provider_setting twilio_settings[] = {
    { .name = "account_sid", .required = true, .doc = "AC and 32 hexadecimal digits" },
    { .name = "auth_token",
      .required = true,
      .secret = true,
      .doc = "auth token of the account, or secret of the API key" },
    { .name = "key_sid", .doc = "SK…: sign in with an API key instead of the account" },
    { .name = "from", .doc = "sender: E.164 number, short code or name" },
    { .name = "messaging_service_sid", .doc = "MG…: service that chooses the sender" },
    { .name = "from_by_country",
      .map = true,
      .doc = "senders instead, by the country of the number: {\"DE\": \"+49…\", \"US\": \"MG…\"}" },
    { .name = "status_callback", .doc = "URL for delivery reports; gets ?nid=delivery id" },
    { .name = NULL },
};

const struct provider provider_twilio = {
    .kind = "twilio",
    .channel = CHANNEL_SMS,
    .doc = "Twilio Messages API (SMS and MMS)",
    .settings = twilio_settings,
    .total_timeout_ms = TWILIO_TIMEOUT_MS,
    .check = twilio_check,
    .build = twilio_build,
    .classify = twilio_classify,
};
