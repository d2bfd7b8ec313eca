/*
 * APNs: Apple Push Notification service, HTTP/2 with a signed token (.p8 key).
 *
 * The address is the device token in hexadecimal. The token's environment chooses production or
 * sandbox unless `endpoint` is set; its app, or else the setting `topic`, is the bundle id, to
 * which the push type adds its suffix. Parts: title, subtitle, body, badge, sound, thread_id,
 * collapse_key, image (sent as a custom key with mutable-content), options (push type, live
 * activity, interruption level, …) and data (custom keys; its member "aps" is merged into the aps
 * dictionary). The custom key nid is the delivery id, and so is apns-id. APNs has no idempotency
 * key; a collapse_key makes repeats replace each other on the device.
 */
#include <string.h>

#include "core/json.h"
#include "providers/address.h"
#include "providers/build.h"
#include "providers/provider.h"
#include "providers/push.h"

#define APNS_PRODUCTION "https://api.push.apple.com"
#define APNS_SANDBOX "https://api.sandbox.push.apple.com"
#define APNS_ID_LENGTH 10
#define APNS_PAYLOAD_MAX 4096
#define APNS_PAYLOAD_VOIP_MAX 5120
#define APNS_COLLAPSE_ID_MAX 64
#define APNS_TOPIC_MAX 255
#define APNS_TOKEN_VALID_S 3000 /* refused after 60 min; renewing within 20 min is refused too */
#define APNS_TIMEOUT_MS 30000

enum apns_flag
{
    APNS_SUSPECT = 1,        /* may be a good token in the wrong place */
    APNS_SINCE = 2,          /* the body tells since when */
    APNS_NEW_CONNECTION = 4, /* repeat over another connection */
    APNS_NEW_CREDENTIAL = 8, /* repeat with another token */
    APNS_ADDRESS_ONLY = 16,  /* concerns this device alone */
    APNS_ONCE = 32           /* a second time in a row it is our set-up */
};

struct apns_reason
{
    int status; /* 0: any */
    const char *reason;
    enum outcome_class class;
    unsigned int flags;
};

static const struct apns_reason apns_reasons[] = {
    { 400, "BadCollapseId", OUTCOME_CONTENT, 0 },
    { 400, "BadDeviceToken", OUTCOME_TOKEN_INVALID, APNS_SUSPECT },
    { 400, "BadExpirationDate", OUTCOME_CONTENT, 0 },
    { 400, "BadMessageId", OUTCOME_CONTENT, 0 },
    { 400, "BadPriority", OUTCOME_CONTENT, 0 },
    { 400, "BadTopic", OUTCOME_CONFIG, 0 },
    { 400, "DeviceTokenNotForTopic", OUTCOME_CONFIG, APNS_SUSPECT },
    { 400, "DuplicateHeaders", OUTCOME_CONTENT, 0 },
    { 400, "IdleTimeout", OUTCOME_RETRY, APNS_NEW_CONNECTION },
    { 400, "InvalidPushType", OUTCOME_CONTENT, 0 },
    { 400, "MissingDeviceToken", OUTCOME_CONTENT, 0 },
    { 400, "MissingTopic", OUTCOME_CONFIG, 0 },
    { 400, "PayloadEmpty", OUTCOME_CONTENT, 0 },
    { 400, "TopicDisallowed", OUTCOME_CONFIG, 0 },
    { 403, "BadCertificate", OUTCOME_CONFIG, 0 },
    { 403, "BadCertificateEnvironment", OUTCOME_CONFIG, 0 },
    { 403, "BadEnvironmentKeyIdInToken", OUTCOME_CONFIG, 0 },
    { 403, "BadEnvironmentKeyInToken", OUTCOME_CONFIG, 0 },
    { 403, "ExpiredProviderToken", OUTCOME_RETRY, APNS_NEW_CREDENTIAL | APNS_ONCE },
    { 403, "Forbidden", OUTCOME_CONFIG, 0 },
    { 403, "InvalidProviderToken", OUTCOME_CONFIG, 0 },
    { 403, "MissingProviderToken", OUTCOME_CONFIG, 0 },
    { 403, "UnrelatedKeyIdInToken", OUTCOME_RETRY, APNS_NEW_CONNECTION | APNS_ONCE },
    { 404, "BadPath", OUTCOME_CONTENT, 0 },
    { 405, "MethodNotAllowed", OUTCOME_CONTENT, 0 },
    { 410, "ExpiredToken", OUTCOME_TOKEN_INVALID, APNS_SINCE },
    { 410, "Unregistered", OUTCOME_TOKEN_INVALID, APNS_SINCE },
    { 413, "PayloadTooLarge", OUTCOME_CONTENT, 0 },
    { 429, "TooManyProviderTokenUpdates", OUTCOME_THROTTLE, 0 },
    { 429, "TooManyRequests", OUTCOME_THROTTLE, APNS_ADDRESS_ONLY },
    { 500, "InternalServerError", OUTCOME_RETRY, 0 },
    { 503, "ServiceUnavailable", OUTCOME_RETRY, APNS_NEW_CONNECTION },
    { 503, "Shutdown", OUTCOME_RETRY, APNS_NEW_CONNECTION },
    { 0, "BadChannelId", OUTCOME_TOKEN_INVALID, 0 },
    { 0, "BadRequestParams", OUTCOME_CONFIG, 0 },
    { 0, "BadRequestPayload", OUTCOME_CONFIG, 0 },
    { 0, "CannotCreateChannelConfig", OUTCOME_CONFIG, 0 },
    { 0, "ChannelNotRegistered", OUTCOME_TOKEN_INVALID, 0 },
    { 0, "FeatureNotEnabled", OUTCOME_CONFIG, 0 },
    { 0, "MissingChannelId", OUTCOME_CONFIG, 0 },
    { 0, "MissingPushType", OUTCOME_CONFIG, 0 },
    { 0, "TopicMismatch", OUTCOME_CONFIG, 0 },
    /* Without a reason that we know. */
    { 410, NULL, OUTCOME_TOKEN_INVALID, APNS_SINCE },
    { 500, NULL, OUTCOME_RETRY, 0 },
    { 503, NULL, OUTCOME_RETRY, APNS_NEW_CONNECTION },
};

static const char *
default_push_type(const struct settings *settings)
{
    const char *name = settings_get(settings, "push_type");

    return name == NULL ? "alert" : name;
}

static bool
is_id(const char *text)
{
    return strlen(text) == APNS_ID_LENGTH &&
           strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == APNS_ID_LENGTH;
}

static bool
apns_check(const struct settings *settings, struct arena *arena, struct provider_error *reterr)
{
    const char *key_error = NULL;

    if (!is_id(settings_get(settings, "key_id")) || !is_id(settings_get(settings, "team_id")))
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_id",
                            "key_id and team_id are 10 digits and upper-case letters each");
    }
    if (address_check_host(settings_get(settings, "topic")) != NULL)
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_topic",
                            "topic must be a bundle id: letters, digits, hyphens and dots");
    }
    if (push_type_find(default_push_type(settings)) == NULL)
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_push_type",
                            "push_type must be " PUSH_TYPE_NAMES);
    }
    if (!crypto_check_key(JWT_ES256, settings_get(settings, "private_key"), &key_error))
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_key",
                            arena_printf(arena, "private_key cannot be used: %s", key_error));
    }
    return true;
}

static bool
apns_credential(const struct settings *settings, const char *audience, int64_t now_s,
                struct arena *arena, struct credential_plan *ret, struct provider_error *reterr)
{
    (void) audience;
    (void) reterr;
    /* key_id and team_id need no JSON escapes: apns_check() saw to that. */
    *ret = (struct credential_plan){
        .algorithm = JWT_ES256,
        .header_json = arena_printf(arena, "{\"alg\":\"ES256\",\"kid\":\"%s\"}",
                                    settings_get(settings, "key_id")),
        .claims_json = arena_printf(arena, "{\"iss\":\"%s\",\"iat\":%lld}",
                                    settings_get(settings, "team_id"), (long long) now_s),
        .key_pem = settings_get(settings, "private_key"),
        .valid_s = APNS_TOKEN_VALID_S,
    };
    return true;
}

/* Put a member of the data part at the top of the payload; those of its aps go into aps. */
static bool
put_custom(const char *key, json *value, void *user)
{
    if (strcmp(key, "aps") != 0)
    {
        json_put(user, key, json_copy(value));
    }
    return true;
}

static json *
make_payload(const struct message *message, const struct push_parts *parts,
             const struct push_type *type)
{
    json *payload = json_new_object();

    json_put(payload, "aps", push_make_aps(message, parts, type, true));
    json_each(parts->data, put_custom, payload);
    if (parts->image != NULL)
    {
        json_put(payload, "image", json_new_string(parts->image));
    }
    json_put(payload, "nid", json_new_string(message->delivery_id));
    return payload;
}

static const char *
lower_case(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text);

    for (char *p = copy; *p != '\0'; p++)
    {
        if (*p >= 'A' && *p <= 'Z')
        {
            *p = (char) (*p - 'A' + 'a');
        }
    }
    return copy;
}

static bool
add_headers(const struct settings *settings, const struct message *message,
            const struct push_type *type, const struct push_parts *parts, struct arena *arena,
            struct wire_request *ret, struct provider_error *reterr)
{
    const char *topic = message->app != NULL ? message->app : settings_get(settings, "topic");
    const char *priority;

    if (strlen(topic) > APNS_TOPIC_MAX)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "bad_app",
                            "the app of the token is longer than 255 bytes");
    }
    if (!push_options_priority(&parts->options, type, &priority, arena, reterr) ||
        !build_header(ret, "authorization", arena_printf(arena, "bearer %s", message->credential),
                      reterr) ||
        !build_header(ret, "apns-topic", arena_printf(arena, "%s%s", topic, type->topic_suffix),
                      reterr) ||
        !build_header(ret, "apns-push-type", type->name, reterr) ||
        !build_header(ret, "apns-priority", priority, reterr) ||
        !build_header(ret, "apns-id", lower_case(arena, message->delivery_id), reterr))
    {
        return false;
    }
    if (message->expires_at_s > 0 &&
        !build_header(ret, "apns-expiration",
                      arena_printf(arena, "%lld", (long long) message->expires_at_s), reterr))
    {
        return false;
    }
    return parts->collapse_key == NULL ||
           build_header(ret, "apns-collapse-id", parts->collapse_key, reterr);
}

static bool
check_message(const struct message *message, struct arena *arena, struct provider_error *reterr)
{
    const char *problem = address_check_hex_token(message->address);

    if (message->credential == NULL)
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "no_credential", "there is no signed token");
    }
    if (problem != NULL)
    {
        return build_refuse(reterr, OUTCOME_TOKEN_INVALID, "bad_address",
                            arena_printf(arena, "the device token is malformed: %s", problem));
    }
    return true;
}

/* What the push type demands of the parts. */
static bool
check_parts(const struct push_parts *parts, const struct push_type *type,
            struct provider_error *reterr)
{
    if (type->visible && !push_has_text(parts))
    {
        return push_refuse_empty(reterr);
    }
    /* Options agree with themselves, so it is the account's push type. */
    if (strcmp(type->name, "liveactivity") == 0 && parts->options.live_activity == NULL)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "bad_options",
                            "options has no live_activity, which the push type needs");
    }
    if (parts->collapse_key != NULL && strlen(parts->collapse_key) > APNS_COLLAPSE_ID_MAX)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "collapse_key_too_long",
                            "collapse_key is longer than 64 bytes");
    }
    return true;
}

/* The whole request; parts are released by the caller. */
static bool
fill_request(const struct settings *settings, const struct message *message,
             const struct push_parts *parts, struct arena *arena, struct wire_request *ret,
             struct provider_error *reterr)
{
    bool sandbox = message->environment != NULL && strcmp(message->environment, "sandbox") == 0;
    const struct push_type *type = parts->options.type != NULL
                                       ? parts->options.type
                                       : push_type_find(default_push_type(settings));
    size_t limit = strcmp(type->name, "voip") == 0 ? APNS_PAYLOAD_VOIP_MAX : APNS_PAYLOAD_MAX;

    if (!check_parts(parts, type, reterr))
    {
        return false;
    }
    build_post(ret, settings, sandbox ? APNS_SANDBOX : APNS_PRODUCTION,
               arena_printf(arena, "/3/device/%s", lower_case(arena, message->address)), arena);
    ret->http2_required = true;
    build_json_body(ret, make_payload(message, parts, type), arena);
    if (ret->body_len > limit)
    {
        return build_refuse(
            reterr, OUTCOME_CONTENT, "payload_too_large",
            arena_printf(arena, "the payload has %zu bytes, more than %zu", ret->body_len, limit));
    }
    return add_headers(settings, message, type, parts, arena, ret, reterr);
}

static bool
apns_build(const struct settings *settings, const struct message *message, struct arena *arena,
           struct wire_request *ret, struct provider_error *reterr)
{
    struct push_parts parts;
    bool ok;

    if (!check_message(message, arena, reterr) || !push_read(message, arena, &parts, reterr))
    {
        return false;
    }
    ok = fill_request(settings, message, &parts, arena, ret, reterr);
    push_finish(&parts);
    return ok;
}

static const struct apns_reason *
find_reason(int status, const char *reason)
{
    for (size_t i = 0; i < sizeof(apns_reasons) / sizeof(apns_reasons[0]); i++)
    {
        const struct apns_reason *row = &apns_reasons[i];

        if (row->reason == NULL ? row->status == status
                                : reason != NULL && strcmp(row->reason, reason) == 0 &&
                                      (row->status == 0 || row->status == status))
        {
            return row;
        }
    }
    return NULL;
}

static void
apply_reason(const struct apns_reason *row, const struct message *message, const json *root,
             struct outcome *ret)
{
    ret->class = row->class;
    ret->suspect = row->flags & APNS_SUSPECT;
    ret->new_connection = row->flags & APNS_NEW_CONNECTION;
    ret->refresh_credential = row->flags & APNS_NEW_CREDENTIAL;
    ret->address_only = row->flags & APNS_ADDRESS_ONLY;
    if (row->flags & APNS_SINCE)
    {
        ret->invalid_since_ms = json_get_int(root, "timestamp", 0);
    }
    if ((row->flags & APNS_ONCE) && message->second_try)
    {
        ret->class = OUTCOME_CONFIG;
        ret->new_connection = false;
        ret->refresh_credential = false;
    }
    /* The topic came from the token's own app: it is the token that does not belong to it. */
    if (row->class == OUTCOME_CONFIG && ret->suspect)
    {
        ret->class = message->app != NULL ? OUTCOME_TOKEN_INVALID : OUTCOME_CONFIG;
        ret->suspect = message->app != NULL;
    }
}

static void
apns_classify(const struct settings *settings, const struct message *message,
              const struct wire_answer *answer, struct arena *arena, struct outcome *ret)
{
    const struct apns_reason *row;
    json *root;
    const char *reason;

    (void) settings;
    if (ret->class == OUTCOME_ACCEPTED)
    {
        const char *id = wire_answer_header(answer, "apns-id");

        ret->provider_id = id != NULL ? id : lower_case(arena, message->delivery_id);
        return;
    }
    root = json_parse(answer->body, answer->body_len, NULL);
    reason = json_get_string(root, "reason");
    ret->code = arena_strdup(arena, reason);
    row = find_reason(answer->status, reason);
    if (row != NULL)
    {
        apply_reason(row, message, root, ret);
    }
    json_destroy(root);
}

static const struct provider_setting apns_settings[] = {
    { .name = "key_id", .required = true, .doc = "10-character id of the signing key" },
    { .name = "team_id", .required = true, .doc = "10-character id of the developer team" },
    { .name = "private_key",
      .required = true,
      .secret = true,
      .multiline = true,
      .doc = "the key's .p8 file (PEM, P-256)" },
    { .name = "topic", .required = true, .doc = "bundle id of tokens without an app" },
    { .name = "push_type", .doc = "alert (default), background, voip, liveactivity, …" },
    { .name = NULL },
};

const struct provider provider_apns = {
    .kind = "apns",
    .channel = CHANNEL_PUSH,
    .issuer = "apns",
    .doc = "Apple Push Notification service",
    .settings = apns_settings,
    .total_timeout_ms = APNS_TIMEOUT_MS,
    .check = apns_check,
    .credential = apns_credential,
    .build = apns_build,
    .classify = apns_classify,
};
