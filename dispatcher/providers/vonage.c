/*
 * Vonage: SMS through the SMS API (formerly Nexmo).
 *
 * The address is an E.164 number, sent without its plus; the part text is the message, marked as
 * unicode when GSM 03.38 has not all of its characters. With api_secret the account signs in by
 * Basic and sends JSON; with signature_secret it signs a form. The delivery id is the client-ref.
 * Answers have status 200 even when nothing was sent: one status for each part decides. There is no
 * idempotency key.
 */
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "providers/address.h"
#include "providers/build.h"
#include "providers/provider.h"
#include "providers/sender.h"
#include "providers/vonage_signature.h"
#include "sms.h"

#define VONAGE_ENDPOINT "https://rest.nexmo.com"
#define VONAGE_TEXT_MAX 3200
#define VONAGE_TTL_MIN_S 20
#define VONAGE_TTL_MAX_S 604800
#define VONAGE_DIGITS_MIN 7
#define VONAGE_METHOD "sha256"
#define VONAGE_TIMEOUT_MS 30000
#define FORM_BYTES_MAX 65536
#define IDS_BYTES_MAX 200
#define FIELDS_MAX 16

static const struct
{
    int status;
    enum outcome_class class;
} vonage_statuses[] = {
    { 0, OUTCOME_ACCEPTED },      { 1, OUTCOME_THROTTLE },       { 2, OUTCOME_CONTENT },
    { 3, OUTCOME_CONTENT },       { 4, OUTCOME_CONFIG },         { 5, OUTCOME_RETRY },
    { 6, OUTCOME_TOKEN_INVALID }, { 7, OUTCOME_SUPPRESSED },     { 8, OUTCOME_CONFIG },
    { 9, OUTCOME_CONFIG },        { 10, OUTCOME_THROTTLE },      { 11, OUTCOME_CONFIG },
    { 12, OUTCOME_CONTENT },      { 14, OUTCOME_CONFIG },        { 15, OUTCOME_CONFIG },
    { 22, OUTCOME_CONTENT },      { 23, OUTCOME_CONFIG },        { 29, OUTCOME_CONFIG },
    { 32, OUTCOME_CONFIG },       { 33, OUTCOME_TOKEN_INVALID },
};

static bool
vonage_check(const struct settings *settings, struct arena *arena, struct provider_error *reterr)
{
    const char *callback = settings_get(settings, "status_callback");
    const char *method = settings_get(settings, "signature_method");
    const char *secret = settings_get(settings, "signature_secret");
    const char *problem =
        callback == NULL
            ? NULL
            : address_check_url(callback, settings_get_bool(settings, "allow_http", false));

    if ((settings_get(settings, "api_secret") == NULL) == (secret == NULL))
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "secret",
                            "exactly one of api_secret and signature_secret is needed");
    }
    if (method != NULL && (secret == NULL || !vonage_is_method(method)))
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_signature_method",
                            "signature_method must be md5hash, md5, sha1, sha256 or sha512, and "
                            "belongs to signature_secret");
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

static bool
check_message(const struct message *message, const char *text, struct arena *arena,
              struct provider_error *reterr)
{
    const char *problem = address_check_phone(message->address);

    if (problem == NULL && strlen(message->address) <= VONAGE_DIGITS_MIN)
    {
        problem = "it has fewer than 7 digits";
    }
    if (problem != NULL)
    {
        return build_refuse(reterr, OUTCOME_TOKEN_INVALID, "bad_address",
                            arena_printf(arena, "the address is not an E.164 number: %s", problem));
    }
    if (text == NULL)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "empty", "text is empty");
    }
    if (build_count_characters(text) > VONAGE_TEXT_MAX)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "text_too_long",
                            "text is longer than 3200 characters");
    }
    return true;
}

/* A number without its plus. */
static const char *
without_plus(const char *number)
{
    return number[0] == '+' ? number + 1 : number;
}

/* The members of a request; those of number and boolean type are written so in JSON. */
struct fields
{
    struct vonage_parameter list[FIELDS_MAX];
    size_t count;
};

static void
add(struct fields *fields, const char *name, const char *value)
{
    if (value != NULL)
    {
        fields->list[fields->count++] = (struct vonage_parameter){ name, value };
    }
}

static void
collect(const struct settings *settings, const struct message *message, const char *text,
        struct arena *arena, struct fields *ret)
{
    const char *from = settings_get(settings, "from");
    bool unicode = sms_measure(text, strlen(text)).encoding == SMS_UCS2;

    add(ret, "to", without_plus(message->address));
    add(ret, "from", without_plus(sender_choose(settings, message->address, from)));
    add(ret, "text", text);
    add(ret, "type", unicode ? "unicode" : NULL);
    add(ret, "client-ref", message->delivery_id);
    add(ret, "status-report-req", "true");
    add(ret, "callback", settings_get(settings, "status_callback"));
    add(ret, "entity-id", settings_get(settings, "entity_id"));
    add(ret, "content-id", settings_get(settings, "content_id"));
    if (message->expires_at_s > 0)
    {
        int64_t left = message->expires_at_s - message->now_s;

        left = left < VONAGE_TTL_MIN_S   ? VONAGE_TTL_MIN_S
               : left > VONAGE_TTL_MAX_S ? VONAGE_TTL_MAX_S
                                         : left;
        add(ret, "ttl", arena_printf(arena, "%lld000", (long long) left));
    }
}

static void
put_json(struct wire_request *ret, const struct fields *fields, struct arena *arena)
{
    json *root = json_new_object();

    for (size_t i = 0; i < fields->count; i++)
    {
        const struct vonage_parameter *field = &fields->list[i];

        if (strcmp(field->name, "ttl") == 0)
        {
            json_put(root, field->name, json_new_int(strtoll(field->value, NULL, 10)));
        }
        else if (strcmp(field->name, "status-report-req") == 0)
        {
            json_put(root, field->name, json_new_bool(true));
        }
        else
        {
            json_put(root, field->name, json_new_string(field->value));
        }
    }
    build_json_body(ret, root, arena);
}

static bool
put_signed_form(struct wire_request *ret, const struct settings *settings,
                const struct message *message, struct fields *fields, struct arena *arena,
                struct provider_error *reterr)
{
    const char *method = settings_get(settings, "signature_method");
    const char *signature;
    struct buf form;

    add(fields, "api_key", settings_get(settings, "api_key"));
    add(fields, "timestamp", arena_printf(arena, "%lld", (long long) message->now_s));
    signature =
        vonage_sign(arena, method != NULL ? method : VONAGE_METHOD,
                    settings_get(settings, "signature_secret"), fields->list, fields->count);
    if (signature == NULL)
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "no_hash",
                            "this OpenSSL cannot compute signature_method");
    }
    add(fields, "sig", signature);
    buf_init(&form, FORM_BYTES_MAX);
    for (size_t i = 0; i < fields->count; i++)
    {
        build_form_field(&form, fields->list[i].name, fields->list[i].value);
    }
    build_form_body(ret, &form, arena);
    return true;
}

static bool
vonage_build(const struct settings *settings, const struct message *message, struct arena *arena,
             struct wire_request *ret, struct provider_error *reterr)
{
    const char *text = message_part(message, "text");
    const char *secret = settings_get(settings, "api_secret");
    struct fields fields = { .count = 0 };

    if (!check_message(message, text, arena, reterr))
    {
        return false;
    }
    collect(settings, message, text, arena, &fields);
    build_post(ret, settings, VONAGE_ENDPOINT, "/sms/json", arena);
    if (secret != NULL)
    {
        ret->username = settings_get(settings, "api_key");
        ret->password = secret;
        put_json(ret, &fields, arena);
    }
    else if (!put_signed_form(ret, settings, message, &fields, arena, reterr))
    {
        return false;
    }
    return build_header(ret, "accept", "application/json", reterr);
}

static enum outcome_class
class_of_status(int64_t status)
{
    for (size_t i = 0; i < sizeof(vonage_statuses) / sizeof(vonage_statuses[0]); i++)
    {
        if (vonage_statuses[i].status == status)
        {
            return vonage_statuses[i].class;
        }
    }
    return OUTCOME_CONTENT;
}

/* Status of a part, which is spelled as text; -1 when there is none. */
static int64_t
part_status(const json *part)
{
    const char *text = json_get_string(part, "status");
    char *end = NULL;
    int64_t status = text == NULL ? json_get_int(part, "status", -1) : strtol(text, &end, 10);

    return text != NULL && (*text == '\0' || *end != '\0') ? -1 : status;
}

/*
 * The first part that failed decides. If others were accepted, a repetition sends them again: then
 * it is not known what the recipient got, unless the failure is for good.
 */
static void
judge_parts(const json *parts, struct arena *arena, struct outcome *ret)
{
    size_t count = json_array_length(parts);
    size_t accepted = 0;
    const char *ids = NULL;

    for (size_t i = 0; i < count; i++)
    {
        const json *part = json_array_at(parts, i);
        const char *id = json_get_string(part, "message-id");
        int64_t status = part_status(part);

        accepted += status == 0;
        if (status == 0 && id != NULL &&
            (ids == NULL || strlen(ids) + 1 + strlen(id) <= IDS_BYTES_MAX))
        {
            ids = ids == NULL ? arena_strdup(arena, id) : arena_printf(arena, "%s,%s", ids, id);
        }
        if (status != 0 && ret->class == OUTCOME_ACCEPTED)
        {
            ret->class = class_of_status(status);
            ret->code = status < 0 ? NULL : arena_printf(arena, "%lld", (long long) status);
            ret->reason = arena_strdup(arena, json_get_string(part, "error-text"));
        }
    }
    ret->provider_id = ids;
    if (accepted > 0 && accepted < count)
    {
        ret->reason = arena_printf(arena, "%zu of %zu parts were accepted: %s", accepted, count,
                                   ret->reason != NULL ? ret->reason : "no reason was given");
        if (ret->class == OUTCOME_RETRY || ret->class == OUTCOME_THROTTLE)
        {
            ret->class = OUTCOME_UNKNOWN;
        }
    }
}

static void
vonage_classify(const struct settings *settings, const struct message *message,
                const struct wire_answer *answer, struct arena *arena, struct outcome *ret)
{
    json *root = json_parse(answer->body, answer->body_len, NULL);
    const json *parts = json_get(root, "messages");

    (void) settings;
    (void) message;
    if (ret->class != OUTCOME_ACCEPTED)
    {
        const char *reason = json_get_string(root, "error-text");

        ret->reason = arena_strdup(arena, reason != NULL ? reason : json_get_string(root, "title"));
    }
    else if (json_array_length(parts) == 0)
    {
        ret->class = OUTCOME_UNKNOWN;
        ret->reason = "the answer tells of no message";
    }
    else
    {
        judge_parts(parts, arena, ret);
    }
    json_destroy(root);
}

static const struct provider_setting vonage_settings[] = {
    { .name = "api_key", .required = true, .secret = true, .doc = "key of the account" },
    { .name = "api_secret", .secret = true, .doc = "secret of the account: sign in by Basic" },
    { .name = "signature_secret",
      .secret = true,
      .doc = "signature secret instead: requests are signed" },
    { .name = "signature_method", .doc = "md5hash, md5, sha1, sha256 (default) or sha512" },
    { .name = "from", .required = true, .doc = "sender: E.164 number, short code or name" },
    { .name = "from_by_country",
      .map = true,
      .doc = "senders instead, by the country of the number: {\"DE\": \"+49…\"}" },
    { .name = "entity_id", .doc = "India: id of the entity, for DLT" },
    { .name = "content_id", .doc = "India: id of the template, for DLT" },
    { .name = "status_callback", .doc = "URL for delivery reports, instead of the account's" },
    { .name = NULL },
};

const struct provider provider_vonage = {
    .kind = "vonage",
    .channel = CHANNEL_SMS,
    .doc = "Vonage SMS API",
    .settings = vonage_settings,
    .total_timeout_ms = VONAGE_TIMEOUT_MS,
    .check = vonage_check,
    .build = vonage_build,
    .classify = vonage_classify,
};
