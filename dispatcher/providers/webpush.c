/*
 * Web Push: browsers, through the push service that each browser chose (RFC 8030, 8291, 8292).
 *
 * The address is the browser's PushSubscription as JSON: endpoint, and the keys p256dh and auth.
 * The message is encrypted for these keys (aes128gcm, one record, a new key pair and salt for each
 * attempt), so that the push service sees length, urgency, topic and time to live. Who sends is
 * told by VAPID: a signed token for the origin of the endpoint, valid for hours, and the public key
 * that the page gave to subscribe() as applicationServerKey.
 *
 * Endpoints come from browsers, that is from strangers: only known push services and those of the
 * setting push_services are used, over https and at public addresses. Answers are classified by the
 * tables of the RFC, Mozilla's autopush (errno) and Apple (reason).
 */
#include <string.h>

#include "core/json.h"
#include "providers/address.h"
#include "providers/build.h"
#include "providers/provider.h"
#include "providers/push.h"

#define WEBPUSH_TIMEOUT_MS 30000
#define WEBPUSH_TTL_MAX 2592000     /* 30 days: Mozilla and Apple store no longer */
#define WEBPUSH_TTL_DEFAULT 2419200 /* 4 weeks, as senders do in general */
#define WEBPUSH_TOPIC_MAX 32
#define VAPID_LIFE_S 43200  /* at most a day */
#define VAPID_RENEW_S 36000 /* Apple wants no new token more than once an hour */
#define WEBPUSH_SERVICES                                                                           \
    "fcm.googleapis.com, *.push.services.mozilla.com, *.push.apple.com, " WEBPUSH_WNS
#define WEBPUSH_WNS "*.notify.windows.com"
#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

/* What a browser gave us. */
struct subscription
{
    const char *endpoint;
    const uint8_t *point;
    const uint8_t *auth;
};

/* Mozilla's errno or Apple's reason. */
struct webpush_code
{
    const char *code;
    enum outcome_class class;
};

static const struct webpush_code webpush_codes[] = {
    { "101", OUTCOME_CONTENT },
    { "102", OUTCOME_TOKEN_INVALID },
    { "103", OUTCOME_TOKEN_INVALID },
    { "104", OUTCOME_CONTENT },
    { "105", OUTCOME_TOKEN_INVALID },
    { "106", OUTCOME_TOKEN_INVALID },
    { "108", OUTCOME_CONTENT },
    { "109", OUTCOME_CONFIG },
    { "110", OUTCOME_CONTENT },
    { "111", OUTCOME_CONTENT },
    { "112", OUTCOME_CONTENT },
    { "113", OUTCOME_CONTENT },
    { "201", OUTCOME_RETRY },
    { "202", OUTCOME_RETRY },
    { "900", OUTCOME_RETRY },
    { "901", OUTCOME_RETRY },
    { "902", OUTCOME_RETRY },
    { "903", OUTCOME_RETRY },
    { "999", OUTCOME_RETRY },
    { "BadAuthorizationHeader", OUTCOME_CONFIG },
    { "BadJwtToken", OUTCOME_CONFIG },
    { "BadPath", OUTCOME_TOKEN_INVALID },
    { "BadTtl", OUTCOME_CONTENT },
    { "BadUrgency", OUTCOME_CONTENT },
    { "BadVapidPublicKey", OUTCOME_CONFIG },
    { "BadWebPushRequest", OUTCOME_CONTENT },
    { "BadWebPushTopic", OUTCOME_CONTENT },
    { "IdleTimeout", OUTCOME_RETRY },
    { "InternalServerError", OUTCOME_RETRY },
    { "MethodNotAllowed", OUTCOME_CONTENT },
    { "PayloadTooLarge", OUTCOME_CONTENT },
    { "ServiceUnavailable", OUTCOME_RETRY },
    { "Shutdown", OUTCOME_RETRY },
    { "TooManyRequests", OUTCOME_THROTTLE },
    { "VapidPkHashMismatch", OUTCOME_TOKEN_INVALID },
};

/* ---- addresses ---- */

/* A key of so many bytes, or NULL. */
static const uint8_t *
read_key(const json *keys, const char *name, size_t bytes, struct arena *arena)
{
    const char *text = json_get_string(keys, name);
    size_t len = 0;
    const uint8_t *key = text != NULL ? crypto_base64url_decode(arena, text, &len) : NULL;

    return len == bytes ? key : NULL;
}

/* Returns NULL, or what is wrong as a static clause; whether p256dh is a point is not looked at. */
static const char *
read_subscription(const char *address, struct arena *arena, struct subscription *ret)
{
    json *root = json_parse(address, strlen(address), NULL);
    const json *keys = json_get(root, "keys");

    ret->endpoint = arena_strdup(arena, json_get_string(root, "endpoint"));
    ret->point = read_key(keys, "p256dh", CRYPTO_POINT_BYTES, arena);
    ret->auth = read_key(keys, "auth", CRYPTO_PUSH_AUTH_BYTES, arena);
    json_destroy(root);
    if (ret->endpoint == NULL)
    {
        return "it is no JSON object with an endpoint";
    }
    if (ret->point == NULL)
    {
        return "p256dh is not 65 bytes in base64url";
    }
    if (ret->auth == NULL)
    {
        return "auth is not 16 bytes in base64url";
    }
    return address_check_url(ret->endpoint, false);
}

/* Scheme, host and port of an https URL as browsers write an origin. */
static const char *
origin_of(const char *url, struct arena *arena)
{
    size_t len = 8 + strcspn(url + 8, "/?");
    char *origin = arena_strndup(arena, url, len);

    for (char *p = origin; *p != '\0'; p++)
    {
        if (*p >= 'A' && *p <= 'Z')
        {
            *p = (char) (*p - 'A' + 'a');
        }
    }
    if (len > 4 && strcmp(origin + len - 4, ":443") == 0)
    {
        origin[len - 4] = '\0';
    }
    return origin;
}

static const char *
webpush_audience(const char *address, struct arena *arena)
{
    struct subscription to;

    return read_subscription(address, arena, &to) == NULL ? origin_of(to.endpoint, arena) : NULL;
}

/* The next host of a list, behind *list; NULL at the end. */
static const char *
next_host(const char **list, struct arena *arena)
{
    const char *start = *list + strspn(*list, ", ");
    size_t len = strcspn(start, ", ");

    *list = start + len;
    return len > 0 ? arena_strndup(arena, start, len) : NULL;
}

/* Does the list name the host of an origin? "*.example.org" names all below example.org. */
static bool
list_names(const char *list, const char *origin, struct arena *arena)
{
    const char *host = arena_strndup(arena, origin + 8, strcspn(origin + 8, ":"));
    size_t len = strlen(host);
    const char *entry;

    while ((entry = next_host(&list, arena)) != NULL)
    {
        size_t tail = strlen(entry) - 1;

        if (*entry == '*' ? len > tail && strcmp(host + len - tail, entry + 1) == 0
                          : strcmp(host, entry) == 0)
        {
            return true;
        }
    }
    return false;
}

/* ---- settings ---- */

/* A URI by which push services can reach the sender. */
static bool
is_contact(const char *subject)
{
    if (strncmp(subject, "mailto:", 7) == 0)
    {
        return address_check_mailbox(subject + 7) == NULL;
    }
    return address_check_url(subject, false) == NULL &&
           strncmp(subject, "https://localhost", 17) != 0;
}

static bool
are_hosts(const char *list, struct arena *arena)
{
    const char *entry;

    while ((entry = next_host(&list, arena)) != NULL)
    {
        const char *host = strncmp(entry, "*.", 2) == 0 ? entry + 2 : entry;

        if (address_check_host(host) != NULL || strpbrk(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL)
        {
            return false;
        }
    }
    return true;
}

static bool
webpush_check(const struct settings *settings, struct arena *arena, struct provider_error *reterr)
{
    const char *services = settings_get(settings, "push_services");
    const char *key_error = NULL;

    if (settings_get(settings, "endpoint") != NULL)
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "unknown_setting",
                            "webpush has no endpoint: it sends to that of the subscription");
    }
    if (!is_contact(settings_get(settings, "subject")))
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_subject",
                            "subject must be mailto: and a mailbox, or an https:// URL");
    }
    if (!crypto_check_key(JWT_ES256, settings_get(settings, "private_key"), &key_error))
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_key",
                            arena_printf(arena, "private_key cannot be used: %s", key_error));
    }
    if (services != NULL && !are_hosts(services, arena))
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_push_services",
                            "push_services must be lower-case host names separated by commas, "
                            "where *.example.org stands for all below example.org");
    }
    return true;
}

static bool
webpush_credential(const struct settings *settings, const char *audience, int64_t now_s,
                   struct arena *arena, struct credential_plan *ret, struct provider_error *reterr)
{
    json *claims = json_new_object();

    (void) reterr;
    json_put(claims, "aud", json_new_string(audience));
    json_put(claims, "exp", json_new_int(now_s + VAPID_LIFE_S));
    json_put(claims, "sub", json_new_string(settings_get(settings, "subject")));
    *ret = (struct credential_plan){
        .algorithm = JWT_ES256,
        .header_json = "{\"typ\":\"JWT\",\"alg\":\"ES256\"}",
        .claims_json = json_print(arena, claims, NULL),
        .key_pem = settings_get(settings, "private_key"),
        .valid_s = VAPID_RENEW_S,
    };
    json_destroy(claims);
    return true;
}

/* ---- the request ---- */

/* What aps holds is for Apple's own devices. */
static bool
put_data(const char *key, json *value, void *user)
{
    if (strcmp(key, "aps") != 0)
    {
        json_put(user, key, json_copy(value));
    }
    return true;
}

static void
put_text(json *object, const char *name, const char *text)
{
    if (text != NULL)
    {
        json_put(object, name, json_new_string(text));
    }
}

/* The text that the service worker gets: the parts, under the names of the Notification API. */
static const char *
make_text(const struct message *message, const struct push_parts *parts, struct arena *arena,
          size_t *ret_len)
{
    json *root = json_new_object();
    json *data = json_new_object();
    const char *text;

    put_text(root, "title", parts->title);
    put_text(root, "subtitle", parts->subtitle);
    put_text(root, "body", parts->body);
    put_text(root, "image", parts->image);
    put_text(root, "sound", parts->sound);
    put_text(root, "thread_id", parts->thread_id);
    if (parts->badge >= 0)
    {
        json_put(root, "badge", json_new_int(parts->badge));
    }
    /* A repeat after a lost answer takes the place of the first. */
    put_text(root, "tag", parts->collapse_key != NULL ? parts->collapse_key : message->delivery_id);
    json_put(root, "data", data);
    json_each(parts->data, put_data, data);
    put_text(data, "nid", message->delivery_id);
    text = json_print(arena, root, ret_len);
    json_destroy(root);
    return text;
}

/* A collapse key that is no topic becomes the beginning of its hash. */
static const char *
make_topic(const char *collapse_key, struct arena *arena)
{
    uint8_t digest[32];
    size_t len = strlen(collapse_key);

    if (len <= WEBPUSH_TOPIC_MAX && strspn(collapse_key, BASE64URL) == len)
    {
        return collapse_key;
    }
    crypto_sha256(collapse_key, len, digest);
    return arena_strndup(arena, crypto_base64url(arena, digest, sizeof(digest)), WEBPUSH_TOPIC_MAX);
}

static int64_t
time_to_live(const struct message *message)
{
    int64_t ttl =
        message->expires_at_s > 0 ? message->expires_at_s - message->now_s : WEBPUSH_TTL_DEFAULT;

    return ttl < 0 ? 0 : ttl > WEBPUSH_TTL_MAX ? WEBPUSH_TTL_MAX : ttl;
}

static bool
encrypt(const struct message *message, const struct subscription *to,
        const struct push_parts *parts, struct arena *arena, struct wire_request *ret,
        struct provider_error *reterr)
{
    size_t len;
    const char *text = make_text(message, parts, arena, &len);

    if (len > CRYPTO_PUSH_TEXT_MAX)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "payload_too_large",
                            arena_printf(arena, "the message has %zu bytes, more than %d", len,
                                         CRYPTO_PUSH_TEXT_MAX));
    }
    ret->body = (const char *) crypto_push_encrypt(arena, to->point, to->auth, message->random,
                                                   text, len, &ret->body_len);
    return ret->body != NULL || build_refuse(reterr, OUTCOME_CONFIG, "no_random_bytes",
                                             "there are no random bytes to encrypt with");
}

static bool
add_headers(const struct settings *settings, const struct message *message,
            const char *collapse_key, struct arena *arena, struct wire_request *ret,
            struct provider_error *reterr)
{
    const char *problem = NULL;
    const char *urgency = message->urgent ? "high" : message->bulk ? "low" : "normal";
    uint8_t key[CRYPTO_POINT_BYTES];

    if (!crypto_public_point(settings_get(settings, "private_key"), key, &problem))
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_key",
                            arena_printf(arena, "private_key cannot be used: %s", problem));
    }
    return build_header(ret, "ttl", arena_printf(arena, "%lld", (long long) time_to_live(message)),
                        reterr) &&
           build_header(ret, "urgency", urgency, reterr) &&
           (collapse_key == NULL ||
            build_header(ret, "topic", make_topic(collapse_key, arena), reterr)) &&
           build_header(ret, "content-encoding", "aes128gcm", reterr) &&
           build_header(ret, "content-type", "application/octet-stream", reterr) &&
           build_header(ret, "authorization",
                        arena_printf(arena, "vapid t=%s, k=%s", message->credential,
                                     crypto_base64url(arena, key, sizeof(key))),
                        reterr);
}

static bool
check_message(const struct settings *settings, const struct message *message, struct arena *arena,
              struct subscription *ret, struct provider_error *reterr)
{
    const char *problem = read_subscription(message->address, arena, ret);
    const char *services = settings_get(settings, "push_services");
    const char *origin;

    if (problem != NULL)
    {
        return build_refuse(reterr, OUTCOME_TOKEN_INVALID, "bad_address",
                            arena_printf(arena, "the subscription is malformed: %s", problem));
    }
    if (!crypto_is_point(ret->point))
    {
        return build_refuse(reterr, OUTCOME_TOKEN_INVALID, "bad_address",
                            "the subscription is malformed: p256dh is not a point of P-256");
    }
    origin = origin_of(ret->endpoint, arena);
    if (!list_names(WEBPUSH_SERVICES, origin, arena) &&
        (services == NULL || !list_names(services, origin, arena)))
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "unknown_push_service",
                            "the endpoint is not at a known push service, nor at one of the "
                            "setting push_services");
    }
    return message->credential != NULL ||
           build_refuse(reterr, OUTCOME_CONFIG, "no_credential", "there is no signed token");
}

static bool
webpush_build(const struct settings *settings, const struct message *message, struct arena *arena,
              struct wire_request *ret, struct provider_error *reterr)
{
    struct subscription to;
    struct push_parts parts;
    bool ok;

    if (!check_message(settings, message, arena, &to, reterr) ||
        !push_read_visible(message, arena, &parts, reterr))
    {
        return false;
    }
    *ret = (struct wire_request){
        .kind = WIRE_HTTP, .method = "POST", .url = to.endpoint, .public_addresses = true
    };
    ok = encrypt(message, &to, &parts, arena, ret, reterr) &&
         add_headers(settings, message, parts.collapse_key, arena, ret, reterr);
    push_finish(&parts);
    return ok;
}

/* ---- answers ---- */

static enum outcome_class
class_of_status(int status, enum outcome_class given)
{
    switch (status)
    {
        case 404:
        case 410:
            return OUTCOME_TOKEN_INVALID;
        case 406:
            return OUTCOME_THROTTLE;
        case 500:
        case 502:
        case 503:
        case 504:
            return OUTCOME_RETRY;
        default:
            return given;
    }
}

/* Mozilla's errno and message, or Apple's reason; other services answer with a text or a page. */
static void
read_answer(const struct wire_answer *answer, struct arena *arena, struct outcome *ret)
{
    json *root = json_parse(answer->body, answer->body_len, NULL);
    int64_t number = json_get_int(root, "errno", 0);

    if (number > 0)
    {
        ret->code = arena_printf(arena, "%lld", (long long) number);
        ret->reason = arena_strdup(arena, json_get_string(root, "message"));
    }
    else if (root != NULL)
    {
        ret->code = arena_strdup(arena, json_get_string(root, "reason"));
    }
    else if (strchr(answer->body, '<') == NULL)
    {
        ret->reason = answer->body;
    }
    json_destroy(root);
}

/*
 * Was the subscription made with another key? Apple has a code for that; Google and Mozilla say so
 * in prose.
 */
static bool
blames_key(const struct wire_answer *answer, const char *code)
{
    bool refused = answer->status == 401 || answer->status == 403;

    return (code != NULL && strcmp(code, "VapidPkHashMismatch") == 0) ||
           (refused && (strstr(answer->body, "not correspond") != NULL ||
                        strstr(answer->body, "public key mismatch") != NULL));
}

/* Microsoft's service answers 404 also where the channel is fine. */
static bool
is_vague(const struct message *message, int status, struct arena *arena)
{
    const char *origin = status == 404 ? webpush_audience(message->address, arena) : NULL;

    return origin != NULL && list_names(WEBPUSH_WNS, origin, arena);
}

static void
webpush_classify(const struct settings *settings, const struct message *message,
                 const struct wire_answer *answer, struct arena *arena, struct outcome *ret)
{
    (void) settings;
    if (ret->class == OUTCOME_ACCEPTED)
    {
        const char *id = wire_answer_header(answer, "apns-id");

        ret->provider_id = id != NULL ? id : wire_answer_header(answer, "location");
        return;
    }
    read_answer(answer, arena, ret);
    ret->class = class_of_status(answer->status, ret->class);
    for (size_t i = 0; ret->code != NULL && i < sizeof(webpush_codes) / sizeof(webpush_codes[0]);
         i++)
    {
        if (strcmp(webpush_codes[i].code, ret->code) == 0)
        {
            ret->class = webpush_codes[i].class;
        }
    }
    ret->suspect = is_vague(message, answer->status, arena);
    if (blames_key(answer, ret->code))
    {
        ret->class = OUTCOME_TOKEN_INVALID;
        /* If the account has the wrong key, all subscriptions would be lost. */
        ret->suspect = true;
    }
}

static const struct provider_setting webpush_settings[] = {
    { .name = "subject",
      .required = true,
      .doc = "how push services reach you: mailto:MAILBOX or an https:// URL" },
    { .name = "private_key",
      .required = true,
      .secret = true,
      .multiline = true,
      .doc = "VAPID key (PEM, P-256); browsers subscribe with its public key" },
    { .name = "push_services",
      .doc = "hosts besides the known push services, such as push.example.org, *.example.net" },
    { .name = NULL },
};

const struct provider provider_webpush = {
    .kind = "webpush",
    .channel = CHANNEL_PUSH,
    .issuer = "webpush",
    .doc = "Web Push for browsers, encrypted, with VAPID",
    .settings = webpush_settings,
    .total_timeout_ms = WEBPUSH_TIMEOUT_MS,
    .needs_random = true,
    .address_hosts = true,
    .check = webpush_check,
    .audience = webpush_audience,
    .credential = webpush_credential,
    .build = webpush_build,
    .classify = webpush_classify,
};
