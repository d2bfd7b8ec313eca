/*
 * Vonage: SMS and MMS through the Messages API.
 *
 * The address is an E.164 number, sent without its plus. The part text is the message; with a URL
 * in the part media it is the caption of a picture, a sound or a film, told apart by the ending of
 * the URL. A JWT of the application, signed by RS256, is the bearer token. The delivery id is the
 * client_ref. Refusals are RFC 7807 documents whose type ends in the code.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/crypto.h"
#include "core/json.h"
#include "providers/address.h"
#include "providers/build.h"
#include "providers/media.h"
#include "providers/provider.h"
#include "providers/sender.h"

#define MESSAGES_ENDPOINT "https://api.nexmo.com"
#define MESSAGES_TEXT_MAX 3200
#define MESSAGES_TTL_MIN_S 20
#define MESSAGES_TTL_MAX_S 604800
#define MESSAGES_TOKEN_S 900
#define MESSAGES_REFRESH_EARLY_S 120
#define MESSAGES_DIGITS_MIN 7
#define MESSAGES_TIMEOUT_MS 30000
#define UUID_CHARACTERS 36
#define ALREADY_SENT 1320

/* Codes from first to last, both included. */
static const struct
{
    int first;
    int last;
    enum outcome_class class;
} message_codes[] = {
    { 1000, 1000, OUTCOME_THROTTLE },      { 1010, 1010, OUTCOME_CONTENT },
    { 1020, 1022, OUTCOME_CONTENT },       { 1030, 1030, OUTCOME_RETRY },
    { 1040, 1040, OUTCOME_CONTENT },       { 1050, 1050, OUTCOME_SUPPRESSED },
    { 1060, 1060, OUTCOME_CONFIG },        { 1070, 1070, OUTCOME_CONFIG },
    { 1080, 1080, OUTCOME_CONFIG },        { 1090, 1090, OUTCOME_CONTENT },
    { 1100, 1100, OUTCOME_RETRY },         { 1120, 1120, OUTCOME_CONFIG },
    { 1130, 1130, OUTCOME_CONTENT },       { 1140, 1140, OUTCOME_CONFIG },
    { 1150, 1150, OUTCOME_CONTENT },       { 1160, 1160, OUTCOME_CONFIG },
    { 1170, 1170, OUTCOME_TOKEN_INVALID }, { 1180, 1180, OUTCOME_RETRY },
    { 1190, 1190, OUTCOME_TOKEN_INVALID }, { 1200, 1200, OUTCOME_CONTENT },
    { 1210, 1210, OUTCOME_CONTENT },       { 1220, 1220, OUTCOME_RETRY },
    { 1230, 1230, OUTCOME_RETRY },         { 1240, 1240, OUTCOME_SUPPRESSED },
    { 1241, 1241, OUTCOME_THROTTLE },      { 1250, 1250, OUTCOME_TOKEN_INVALID },
    { 1260, 1290, OUTCOME_CONTENT },       { 1300, 1300, OUTCOME_TOKEN_INVALID },
    { 1310, 1310, OUTCOME_CONTENT },       { ALREADY_SENT, ALREADY_SENT, OUTCOME_ACCEPTED },
    { 1330, 1331, OUTCOME_RETRY },         { 1340, 1340, OUTCOME_CONTENT },
    { 1350, 1350, OUTCOME_CONTENT },       { 1360, 1360, OUTCOME_CONTENT },
    { 1370, 1370, OUTCOME_CONTENT },       { 1380, 1382, OUTCOME_CONTENT },
};

/* Kinds of media by the ending of the URL's path; a picture otherwise. */
static const struct
{
    const char *ending;
    const char *type;
} media_types[] = {
    { ".mp3", "audio" }, { ".m4a", "audio" }, { ".ogg", "audio" }, { ".wav", "audio" },
    { ".3gp", "video" }, { ".mov", "video" }, { ".mp4", "video" }, { ".mpeg", "video" },
};

static bool
is_uuid(const char *text)
{
    size_t len = strspn(text, "0123456789abcdefABCDEF-");

    return len == UUID_CHARACTERS && text[len] == '\0' && text[8] == '-' && text[13] == '-' &&
           text[18] == '-' && text[23] == '-';
}

static bool
messages_check(const struct settings *settings, struct arena *arena, struct provider_error *reterr)
{
    const char *callback = settings_get(settings, "status_callback");
    const char *key_error = NULL;
    const char *problem =
        callback == NULL
            ? NULL
            : address_check_url(callback, settings_get_bool(settings, "allow_http", false));

    if (!is_uuid(settings_get(settings, "application_id")))
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_application_id",
                            "application_id is no UUID");
    }
    if (!crypto_check_key(JWT_RS256, settings_get(settings, "private_key"), &key_error))
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_key",
                            arena_printf(arena, "private_key cannot be used: %s", key_error));
    }
    if (!sender_is_valid(settings_get(settings, "from")))
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "sender",
                            "from is neither an E.164 number nor a short code nor a name of at "
                            "most 11 characters");
    }
    if (problem != NULL)
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_status_callback",
                            arena_printf(arena, "status_callback cannot be used: %s", problem));
    }
    return sender_check(settings, sender_is_valid,
                        "neither an E.164 number nor a short code nor a name of at most 11 "
                        "characters",
                        arena, reterr);
}

/* An id of the token that is the same whenever the same token is made. */
static const char *
token_id(const char *application, int64_t now_s, struct arena *arena)
{
    const char *text = arena_printf(arena, "%s %lld", application, (long long) now_s);
    uint8_t digest[32];

    crypto_sha256(text, strlen(text), digest);
    return crypto_base64url(arena, digest, 16);
}

static bool
messages_credential(const struct settings *settings, const char *audience, int64_t now_s,
                    struct arena *arena, struct credential_plan *ret, struct provider_error *reterr)
{
    const char *application = settings_get(settings, "application_id");
    json *claims = json_new_object();

    (void) audience;
    (void) reterr;
    json_put(claims, "application_id", json_new_string(application));
    json_put(claims, "iat", json_new_int(now_s));
    json_put(claims, "exp", json_new_int(now_s + MESSAGES_TOKEN_S));
    json_put(claims, "jti", json_new_string(token_id(application, now_s, arena)));
    *ret = (struct credential_plan){
        .algorithm = JWT_RS256,
        .header_json = "{\"alg\":\"RS256\",\"typ\":\"JWT\"}",
        .claims_json = json_print(arena, claims, NULL),
        .key_pem = settings_get(settings, "private_key"),
        .valid_s = MESSAGES_TOKEN_S - MESSAGES_REFRESH_EARLY_S,
    };
    json_destroy(claims);
    return true;
}

struct content
{
    const char *text; /* NULL: none */
    const char *media[MEDIA_MAX];
    size_t media_count; /* at most one */
};

static bool
read_message(const struct message *message, struct arena *arena, struct content *ret,
             struct provider_error *reterr)
{
    const char *problem = address_check_phone(message->address);

    ret->text = message_part(message, "text");
    if (message->credential == NULL)
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "no_credential", "there is no signed token");
    }
    if (problem == NULL && strlen(message->address) <= MESSAGES_DIGITS_MIN)
    {
        problem = "it has fewer than 7 digits";
    }
    if (problem != NULL)
    {
        return build_refuse(reterr, OUTCOME_TOKEN_INVALID, "bad_address",
                            arena_printf(arena, "the address is not an E.164 number: %s", problem));
    }
    if (!media_read(message, 1, arena, ret->media, &ret->media_count, reterr))
    {
        return false;
    }
    if (ret->text == NULL && ret->media_count == 0)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "empty", "text is empty");
    }
    if (ret->text != NULL && build_count_characters(ret->text) > MESSAGES_TEXT_MAX)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "text_too_long",
                            "text is longer than 3200 characters");
    }
    return true;
}

static const char *
without_plus(const char *number)
{
    return number[0] == '+' ? number + 1 : number;
}

static const char *
media_type(const char *url)
{
    size_t len = strcspn(url, "?");

    for (size_t i = 0; i < sizeof(media_types) / sizeof(media_types[0]); i++)
    {
        size_t ending = strlen(media_types[i].ending);

        if (len > ending && strncasecmp(url + len - ending, media_types[i].ending, ending) == 0)
        {
            return media_types[i].type;
        }
    }
    return "image";
}

static void
put_text(json *object, const char *name, const char *text)
{
    if (text != NULL)
    {
        json_put(object, name, json_new_string(text));
    }
}

static void
put_mms(json *root, const struct content *content)
{
    const char *type = media_type(content->media[0]);
    json *media = json_new_object();

    put_text(media, "url", content->media[0]);
    put_text(media, "caption", content->text);
    put_text(root, "channel", "mms");
    put_text(root, "message_type", type);
    json_put(root, type, media);
}

static void
put_sms(json *root, const struct settings *settings, const struct message *message,
        const struct content *content)
{
    json *sms = json_new_object();

    put_text(sms, "encoding_type", "auto");
    put_text(sms, "entity_id", settings_get(settings, "entity_id"));
    put_text(sms, "content_id", settings_get(settings, "content_id"));
    put_text(root, "channel", "sms");
    put_text(root, "message_type", "text");
    put_text(root, "text", content->text);
    if (message->expires_at_s > 0)
    {
        int64_t left = message->expires_at_s - message->now_s;

        json_put(root, "ttl",
                 json_new_int(left < MESSAGES_TTL_MIN_S   ? MESSAGES_TTL_MIN_S
                              : left > MESSAGES_TTL_MAX_S ? MESSAGES_TTL_MAX_S
                                                          : left));
    }
    json_put(root, "sms", sms);
}

static bool
messages_build(const struct settings *settings, const struct message *message, struct arena *arena,
               struct wire_request *ret, struct provider_error *reterr)
{
    const char *from = settings_get(settings, "from");
    struct content content;
    json *root;

    if (!read_message(message, arena, &content, reterr))
    {
        return false;
    }
    root = json_new_object();
    put_text(root, "to", without_plus(message->address));
    put_text(root, "from", without_plus(sender_choose(settings, message->address, from)));
    if (content.media_count > 0)
    {
        put_mms(root, &content);
    }
    else
    {
        put_sms(root, settings, message, &content);
    }
    put_text(root, "client_ref", message->delivery_id);
    put_text(root, "webhook_url", settings_get(settings, "status_callback"));
    build_post(ret, settings, MESSAGES_ENDPOINT, "/v1/messages", arena);
    build_json_body(ret, root, arena);
    return build_header(ret, "accept", "application/json", reterr) &&
           build_header(ret, "authorization", arena_printf(arena, "Bearer %s", message->credential),
                        reterr);
}

/* What a problem's type ends in, behind its #; or NULL. */
static const char *
problem_code(const json *root)
{
    const char *type = json_get_string(root, "type");
    const char *hash = type == NULL ? NULL : strrchr(type, '#');

    return hash == NULL || hash[1] == '\0' ? NULL : hash + 1;
}

static void
judge_refusal(const json *root, const struct wire_answer *answer, const struct message *message,
              struct arena *arena, struct outcome *ret)
{
    const char *code = problem_code(root);
    long number = code == NULL ? 0 : strtol(code, NULL, 10);
    const char *detail = json_get_string(root, "detail");

    ret->code = arena_strdup(arena, code);
    ret->reason = arena_strdup(arena, detail != NULL ? detail : json_get_string(root, "title"));
    if (answer->status == 404)
    {
        ret->class = OUTCOME_CONFIG;
    }
    if (answer->status == 401 && !message->second_try)
    {
        ret->class = OUTCOME_RETRY;
        ret->refresh_credential = true;
        return;
    }
    for (size_t i = 0; i < sizeof(message_codes) / sizeof(message_codes[0]); i++)
    {
        if (number >= message_codes[i].first && number <= message_codes[i].last)
        {
            ret->class = message_codes[i].class;
        }
    }
}

static void
messages_classify(const struct settings *settings, const struct message *message,
                  const struct wire_answer *answer, struct arena *arena, struct outcome *ret)
{
    json *root = json_parse(answer->body, answer->body_len, NULL);

    (void) settings;
    if (ret->class == OUTCOME_ACCEPTED)
    {
        ret->provider_id = arena_strdup(arena, json_get_string(root, "message_uuid"));
    }
    else
    {
        judge_refusal(root, answer, message, arena, ret);
    }
    json_destroy(root);
}

static const struct provider_setting vonage_messages_settings[] = {
    { .name = "application_id", .required = true, .doc = "id of the application (UUID)" },
    { .name = "private_key",
      .required = true,
      .secret = true,
      .multiline = true,
      .doc = "private key of the application (PEM, RSA)" },
    { .name = "from", .required = true, .doc = "sender: E.164 number, short code or name" },
    { .name = "from_by_country",
      .map = true,
      .doc = "senders instead, by the country of the number: {\"DE\": \"+49…\"}" },
    { .name = "entity_id", .doc = "India: id of the entity, for DLT" },
    { .name = "content_id", .doc = "India: id of the template, for DLT" },
    { .name = "status_callback", .doc = "URL for reports, instead of the application's" },
    { .name = NULL },
};

const struct provider provider_vonage_messages = {
    .kind = "vonage_messages",
    .channel = CHANNEL_SMS,
    .doc = "Vonage Messages API (SMS and MMS)",
    .settings = vonage_messages_settings,
    .total_timeout_ms = MESSAGES_TIMEOUT_MS,
    .check = messages_check,
    .credential = messages_credential,
    .build = messages_build,
    .classify = messages_classify,
};
