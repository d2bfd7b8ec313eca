/*
 * JPush: Aurora push, v3 (github jpush/jpush-docs, docs.jiguang.cn).
 *
 * The address is a registration id; a request goes to exactly one. The device is unknown here, so
 * the notification is given for Android and iOS unless the setting platform names one. Values of
 * data become extras of both. JPush knows repeats only by ids that it handed out for each message
 * beforehand; none is asked for, so a lost answer may lead to a second notification, which
 * replaces the first one on iOS when there is a collapse_key. Codes decide first, then the status.
 */
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "providers/address.h"
#include "providers/build.h"
#include "providers/provider.h"
#include "providers/push.h"

#define JPUSH_ENDPOINT "https://api.jpush.cn"
#define JPUSH_PATH "/v3/push"
#define JPUSH_TTL_MAX_S 864000
#define JPUSH_COLLAPSE_ID_MAX 64
#define JPUSH_ANDROID_BYTES_MAX 4000
#define JPUSH_IOS_BYTES_MAX 2000
#define JPUSH_STYLE_PICTURE 3
#define JPUSH_TIMEOUT_MS 30000
#define RESET_DIGITS_MAX 9

struct jpush_code
{
    int code;
    enum outcome_class class;
};

static const struct jpush_code jpush_codes[] = {
    { 1000, OUTCOME_RETRY },         /* internal error */
    { 1001, OUTCOME_CONTENT },       /* not POST */
    { 1002, OUTCOME_CONTENT },       /* a field is missing */
    { 1003, OUTCOME_TOKEN_INVALID }, /* a value is not allowed: the registration id */
    { 1004, OUTCOME_CONFIG },        /* app key and secret do not match */
    { 1005, OUTCOME_CONTENT },       /* too large */
    { 1008, OUTCOME_CONFIG },        /* app key */
    { 1009, OUTCOME_CONTENT },       /* a key is not supported */
    { 1011, OUTCOME_TOKEN_INVALID }, /* no such registration id */
    { 1012, OUTCOME_THROTTLE },      /* limit of paced pushes */
    { 1020, OUTCOME_CONTENT },       /* not HTTPS */
    { 1030, OUTCOME_RETRY },         /* busy */
    { 2002, OUTCOME_THROTTLE },      /* calls a minute */
    { 2003, OUTCOME_CONFIG },        /* the app is blocked */
    { 2004, OUTCOME_CONFIG },        /* our address is not on the white list */
    { 2005, OUTCOME_THROTTLE },      /* too many messages to this user */
    { 2006, OUTCOME_CONFIG },        /* not entitled */
    { 2007, OUTCOME_CONFIG },        /* not entitled */
};

#define CODE_BAD_VALUE 1003
#define CODE_USER_LIMIT 2005

static bool
is_platform(const char *wanted, const char *platform)
{
    return wanted == NULL || strcmp(wanted, platform) == 0;
}

static bool
jpush_check(const struct settings *settings, struct arena *arena, struct provider_error *reterr)
{
    const char *platform = settings_get(settings, "platform");

    (void) arena;
    if (strchr(settings_get(settings, "appkey"), ':') != NULL)
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_appkey", "appkey holds a colon");
    }
    if (platform != NULL && strcmp(platform, "android") != 0 && strcmp(platform, "ios") != 0)
    {
        return build_refuse(reterr, OUTCOME_CONFIG, "bad_platform",
                            "platform must be android or ios");
    }
    return true;
}

static bool
put_extra(const char *key, json *value, void *user)
{
    if (strcmp(key, "aps") != 0)
    {
        json_put(user, key, json_copy(value));
    }
    return true;
}

static json *
make_extras(const struct message *message, const struct push_parts *parts)
{
    json *extras = json_new_object();

    json_each(parts->data, put_extra, extras);
    build_put_text(extras, "nid", message->delivery_id);
    return extras;
}

static json *
make_android(const struct message *message, const struct push_parts *parts)
{
    json *android = json_new_object();

    build_put_text(android, "alert", parts->body != NULL ? parts->body : parts->title);
    build_put_text(android, "title", parts->body != NULL ? parts->title : NULL);
    if (message->urgent)
    {
        json_put(android, "priority", json_new_int(1));
    }
    if (parts->image != NULL)
    {
        json_put(android, "style", json_new_int(JPUSH_STYLE_PICTURE));
        build_put_text(android, "big_pic_path", parts->image);
    }
    json_put(android, "extras", make_extras(message, parts));
    return android;
}

static json *
make_ios(const struct message *message, const struct push_parts *parts)
{
    json *ios = json_new_object();
    json *extras = make_extras(message, parts);

    json_put(ios, "alert", push_alert(parts));
    build_put_text(ios, "sound", parts->sound);
    if (parts->badge >= 0)
    {
        json_put(ios, "badge", json_new_int(parts->badge));
    }
    build_put_text(ios, "thread-id", parts->thread_id);
    if (parts->image != NULL)
    {
        json_put(ios, "mutable-content", json_new_bool(true));
        build_put_text(extras, "image", parts->image);
    }
    json_put(ios, "extras", extras);
    return ios;
}

/* Put the block of one platform; false with *reterr when it is too large. */
static bool
put_platform(json *root, const char *name, json *block, size_t max, struct arena *arena,
             struct provider_error *reterr)
{
    size_t len;

    json_print(arena, block, &len);
    json_push(json_get(root, "platform"), json_new_string(name));
    json_put(json_get(root, "notification"), name, block);
    return len <= max ||
           build_refuse(reterr, OUTCOME_CONTENT, "payload_too_large",
                        arena_printf(arena, "the notification for %s has %zu bytes, more than %zu",
                                     name, len, max));
}

static json *
make_options(const struct message *message, const struct push_parts *parts)
{
    json *options = json_new_object();
    int64_t ttl = build_seconds_left(message, JPUSH_TTL_MAX_S);

    if (ttl >= 0)
    {
        json_put(options, "time_to_live", json_new_int(ttl));
    }
    json_put(options, "apns_production",
             json_new_bool(message->environment == NULL ||
                           strcmp(message->environment, "sandbox") != 0));
    build_put_text(options, "apns_collapse_id", parts->collapse_key);
    return options;
}

/* Fill the document; false with *reterr when a platform's block is too large. */
static bool
fill_document(json *root, const struct settings *settings, const struct message *message,
              const struct push_parts *parts, struct arena *arena, struct provider_error *reterr)
{
    const char *platform = settings_get(settings, "platform");
    json *audience = json_new_object();
    json *ids = json_new_array();

    json_push(ids, json_new_string(message->address));
    json_put(audience, "registration_id", ids);
    json_put(root, "platform", json_new_array());
    json_put(root, "audience", audience);
    json_put(root, "notification", json_new_object());
    json_put(root, "options", make_options(message, parts));
    return (!is_platform(platform, "android") ||
            put_platform(root, "android", make_android(message, parts), JPUSH_ANDROID_BYTES_MAX,
                         arena, reterr)) &&
           (!is_platform(platform, "ios") || put_platform(root, "ios", make_ios(message, parts),
                                                          JPUSH_IOS_BYTES_MAX, arena, reterr));
}

static bool
jpush_build(const struct settings *settings, const struct message *message, struct arena *arena,
            struct wire_request *ret, struct provider_error *reterr)
{
    const char *problem = address_check_token(message->address);
    struct push_parts parts;
    json *root;
    bool ok;

    if (problem != NULL)
    {
        return build_refuse(reterr, OUTCOME_TOKEN_INVALID, "bad_address",
                            arena_printf(arena, "the registration id is malformed: %s", problem));
    }
    if (!push_read_visible(message, arena, &parts, reterr))
    {
        return false;
    }
    root = json_new_object();
    ok = fill_document(root, settings, message, &parts, arena, reterr);
    if (ok && parts.collapse_key != NULL && strlen(parts.collapse_key) > JPUSH_COLLAPSE_ID_MAX)
    {
        ok = build_refuse(reterr, OUTCOME_CONTENT, "collapse_key_too_long",
                          "collapse_key is longer than 64 bytes");
    }
    push_finish(&parts);
    build_post(ret, settings, JPUSH_ENDPOINT, JPUSH_PATH, arena);
    ret->username = settings_get(settings, "appkey");
    ret->password = settings_get(settings, "master_secret");
    build_json_body(ret, root, arena);
    return ok && build_header(ret, "accept", "application/json", reterr);
}

/* The calls of this minute are used up: X-Rate-Limit-Reset says for how many seconds. */
static int64_t
read_reset_ms(const struct wire_answer *answer)
{
    const char *text = wire_answer_header(answer, "x-rate-limit-reset");
    size_t len = text == NULL ? 0 : strspn(text, "0123456789");

    if (len == 0 || len > RESET_DIGITS_MAX || text[len] != '\0')
    {
        return -1;
    }
    return strtoll(text, NULL, 10) * 1000;
}

/* A number of 64 bits that may be spelled as text; NULL when it is neither. */
static const char *
read_id(const json *root, struct arena *arena)
{
    int64_t number = json_get_int(root, "msg_id", -1);

    return number >= 0 ? arena_printf(arena, "%lld", (long long) number)
                       : arena_strdup(arena, json_get_string(root, "msg_id"));
}

static void
judge_error(const json *error, const struct wire_answer *answer, struct arena *arena,
            struct outcome *ret)
{
    int64_t code = json_get_int(error, "code", 0);

    for (size_t i = 0; i < sizeof(jpush_codes) / sizeof(jpush_codes[0]); i++)
    {
        if (jpush_codes[i].code == code)
        {
            ret->class = jpush_codes[i].class;
        }
    }
    if (code != 0)
    {
        ret->code = arena_printf(arena, "%lld", (long long) code);
    }
    ret->reason = arena_strdup(arena, json_get_string(error, "message"));
    ret->suspect = code == CODE_BAD_VALUE;
    ret->address_only = code == CODE_USER_LIMIT;
    if (ret->class == OUTCOME_THROTTLE && answer->retry_after_s < 0)
    {
        ret->retry_after_ms = read_reset_ms(answer);
    }
}

static void
jpush_classify(const struct settings *settings, const struct message *message,
               const struct wire_answer *answer, struct arena *arena, struct outcome *ret)
{
    json *root = json_parse(answer->body, answer->body_len, NULL);
    const json *error = json_get(root, "error");

    (void) settings;
    (void) message;
    if (ret->class != OUTCOME_ACCEPTED || error != NULL)
    {
        /* An error beside a success is an error. */
        ret->class = ret->class == OUTCOME_ACCEPTED ? OUTCOME_CONTENT : ret->class;
        judge_error(error, answer, arena, ret);
    }
    else
    {
        ret->provider_id = read_id(root, arena);
    }
    json_destroy(root);
}

static const struct provider_setting jpush_settings[] = {
    { .name = "appkey", .required = true, .doc = "AppKey of the app" },
    { .name = "master_secret",
      .required = true,
      .secret = true,
      .doc = "Master Secret of the app" },
    { .name = "platform", .doc = "android or ios: leave the other one out of notifications" },
    { .name = NULL },
};

const struct provider provider_jpush = {
    .kind = "jpush",
    .channel = CHANNEL_PUSH,
    .issuer = "jpush",
    .doc = "JPush (Aurora), v3",
    .settings = jpush_settings,
    .total_timeout_ms = JPUSH_TIMEOUT_MS,
    .check = jpush_check,
    .build = jpush_build,
    .classify = jpush_classify,
};
