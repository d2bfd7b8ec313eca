/*
 * Twilio: calls that speak a text, through the Calls API.
 *
 * The address is an E.164 number; the part text is spoken, by TwiML that goes with the request. The
 * language is that of the account, or follows the locale of the message. Sign-in, callbacks and
 * codes are those of Twilio's messages; a lost answer may mean that the phone rings twice.
 */
#include <string.h>
#include <strings.h>

#include "core/utf8.h"
#include "providers/address.h"
#include "providers/build.h"
#include "providers/provider.h"
#include "providers/sender.h"
#include "providers/twilio_api.h"

#define VOICE_TWIML_MAX 4000
#define VOICE_REPEAT_MAX 10
#define VOICE_RING_MIN_S 5
#define VOICE_RING_MAX_S 600
#define VOICE_WORD_MAX 64

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* What <Say> speaks; of each language the first one serves regions that are not here. */
static const char *const languages[] = {
    "en-US", "en-AU", "en-CA", "en-GB", "en-IN", "ca-ES", "da-DK", "de-DE", "es-ES",
    "es-MX", "fi-FI", "fr-FR", "fr-CA", "it-IT", "ja-JP", "ko-KR", "nb-NO", "nl-NL",
    "pl-PL", "pt-BR", "pt-PT", "ru-RU", "sv-SE", "zh-CN", "zh-HK", "zh-TW",
};

static bool
is_word(const char *text, const char *characters)
{
    return text == NULL ||
           (strlen(text) <= VOICE_WORD_MAX && strspn(text, characters) == strlen(text));
}

static bool
is_number(const char *text)
{
    return address_check_phone(text) == NULL;
}

/* Absent, or within bounds? */
static bool
is_within(const struct settings *settings, const char *name, int64_t low, int64_t high)
{
    int64_t value = settings_get_int(settings, name, low - 1);

    return settings_get(settings, name) == NULL || (value >= low && value <= high);
}

static bool
voice_check(const struct settings *settings, struct arena *arena, struct provider_error *reterr)
{
    const char *detection = settings_get(settings, "machine_detection");

    if (!twilio_check_account(settings, arena, reterr))
    {
        return false;
    }
    if (!is_number(settings_get(settings, "from")))
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "sender", "from is not an E.164 number");
    }
    if (!is_word(settings_get(settings, "language"), LETTERS DIGITS "-") ||
        !is_word(settings_get(settings, "voice"), LETTERS DIGITS "._-"))
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_voice",
                            "language must be a tag like en-GB, voice a name like Polly.Amy");
    }
    if (!is_within(settings, "repeat", 1, VOICE_REPEAT_MAX))
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "out_of_range",
                            "repeat must be a whole number from 1 to 10");
    }
    if (!is_within(settings, "ring_s", VOICE_RING_MIN_S, VOICE_RING_MAX_S))
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "out_of_range",
                            "ring_s must be a whole number from 5 to 600");
    }
    if (detection != NULL && strcmp(detection, "Enable") != 0 &&
        strcmp(detection, "DetectMessageEnd") != 0)
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_machine_detection",
                            "machine_detection must be Enable or DetectMessageEnd");
    }
    return sender_check(settings, is_number, "no E.164 number", arena, reterr);
}

/* The region of a locale, or "": the first subtag of two letters behind the language. */
static const char *
region_of(const char *locale, char ret[3])
{
    const char *subtag = locale + strcspn(locale, "-_");

    ret[0] = '\0';
    while (*subtag != '\0' && ret[0] == '\0')
    {
        size_t len = strcspn(++subtag, "-_");

        if (len == 2 && strspn(subtag, LETTERS) >= 2)
        {
            memcpy(ret, subtag, 2);
            ret[2] = '\0';
        }
        subtag += len;
    }
    return ret;
}

/* The language that <Say> has for a locale. */
static const char *
language_of(const char *locale)
{
    const char *language = locale == NULL ? "" : locale;
    size_t len = strcspn(language, "-_");
    const char *best = NULL;
    char region[3];

    region_of(language, region);
    if (len == 2 && (strncasecmp(language, "no", 2) == 0 || strncasecmp(language, "nn", 2) == 0))
    {
        language = "nb";
    }
    for (size_t i = 0; len == 2 && i < sizeof(languages) / sizeof(languages[0]); i++)
    {
        if (strncasecmp(languages[i], language, 2) == 0 &&
            (best == NULL || strcasecmp(languages[i] + 3, region) == 0))
        {
            best = languages[i];
        }
    }
    return best != NULL ? best : languages[0];
}

/* What stands for a character in XML; NULL: itself. What XML has no place for is a blank. */
static const char *
escape_of(uint32_t character)
{
    switch (character)
    {
        case '&':
            return "&amp;";
        case '<':
            return "&lt;";
        case '>':
            return "&gt;";
        case '"':
            return "&quot;";
        default:
            return character <= ' ' || character == 0xfffe || character == 0xffff ? " " : NULL;
    }
}

static void
append_xml(struct buf *out, const char *text)
{
    const char *end = text + strlen(text);

    while (text < end)
    {
        uint32_t character = 0;
        size_t bytes = utf8_decode(text, (size_t) (end - text), &character);
        const char *escape = escape_of(character);

        bytes = bytes == 0 ? 1 : bytes;
        if (escape != NULL)
        {
            buf_puts(out, escape);
        }
        else
        {
            buf_append(out, text, bytes);
        }
        text += bytes;
    }
}

/* The document that is played, or NULL when it would be too long. */
static const char *
make_twiml(const struct settings *settings, const struct message *message, const char *text,
           struct arena *arena)
{
    const char *language = settings_get(settings, "language");
    const char *voice = settings_get(settings, "voice");
    const char *repeat = settings_get(settings, "repeat");
    struct buf twiml;
    const char *ret = NULL;

    buf_init(&twiml, TWILIO_FORM_BYTES_MAX);
    buf_printf(&twiml, "<Response><Say language=\"%s\"",
               language != NULL ? language : language_of(message->locale));
    if (voice != NULL)
    {
        buf_printf(&twiml, " voice=\"%s\"", voice);
    }
    if (repeat != NULL)
    {
        buf_printf(&twiml, " loop=\"%s\"", repeat);
    }
    buf_putc(&twiml, '>');
    append_xml(&twiml, text);
    buf_puts(&twiml, "</Say></Response>");
    if (!twiml.overflow && build_count_characters(twiml.data) <= VOICE_TWIML_MAX)
    {
        ret = arena_strndup(arena, twiml.data, twiml.len);
    }
    buf_finish(&twiml);
    return ret;
}

static void
add_option(struct buf *form, const struct settings *settings, const char *name,
           const char *parameter)
{
    const char *value = settings_get(settings, name);

    if (value != NULL)
    {
        build_form_field(form, parameter, value);
    }
}

static bool
voice_build(const struct settings *settings, const struct message *message, struct arena *arena,
            struct wire_request *ret, struct provider_error *reterr)
{
    const char *text = message_part(message, "text");
    const char *twiml;
    struct buf form;

    if (!twilio_check_address(message, arena, reterr))
    {
        return false;
    }
    if (text == NULL)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "empty", "text is empty");
    }
    twiml = make_twiml(settings, message, text, arena);
    if (twiml == NULL)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "text_too_long",
                            "text is longer than fits into 4000 characters of TwiML");
    }
    buf_init(&form, TWILIO_FORM_BYTES_MAX);
    build_form_field(&form, "To", message->address);
    build_form_field(&form, "From",
                     sender_choose(settings, message->address, settings_get(settings, "from")));
    build_form_field(&form, "Twiml", twiml);
    add_option(&form, settings, "ring_s", "Timeout");
    add_option(&form, settings, "machine_detection", "MachineDetection");
    twilio_add_callback(&form, settings, message, arena);
    return twilio_finish(ret, settings, "Calls.json", &form, arena, reterr);
}

static const struct provider_setting twilio_voice_settings[] = {
    { .name = "account_sid", .required = true, .doc = "AC and 32 hexadecimal digits" },
    { .name = "auth_token",
      .required = true,
      .secret = true,
      .doc = "auth token of the account, or secret of the API key" },
    { .name = "key_sid", .doc = "SK…: sign in with an API key instead of the account" },
    { .name = "from", .required = true, .doc = "caller: E.164 number" },
    { .name = "from_by_country",
      .map = true,
      .doc = "callers instead, by the country of the number: {\"DE\": \"+49…\"}" },
    { .name = "language", .doc = "tag like en-GB; without it that of the locale" },
    { .name = "voice", .doc = "name of the voice, like Polly.Amy" },
    { .name = "repeat", .doc = "how often the text is spoken, 1 to 10" },
    { .name = "ring_s", .doc = "how long the phone rings, 5 to 600 seconds" },
    { .name = "machine_detection", .doc = "Enable, or DetectMessageEnd: speak after the beep" },
    { .name = "status_callback", .doc = "URL for reports; gets ?nid=delivery id" },
    { .name = NULL },
};

const struct provider provider_twilio_voice = {
    .kind = "twilio_voice",
    .channel = CHANNEL_VOICE,
    .doc = "Twilio Calls API (spoken text)",
    .settings = twilio_voice_settings,
    .total_timeout_ms = TWILIO_TIMEOUT_MS,
    .check = voice_check,
    .build = voice_build,
    .classify = twilio_classify,
};
