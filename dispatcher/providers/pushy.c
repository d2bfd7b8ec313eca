/*
 * Pushy: POST /push (pushy.me/docs/api/send-notifications).
 *
 * The address is a device token. The API key stands in the URL, which therefore is as secret as a
 * header. title, body, badge and sound become the notification, data the app's own object; an image
 * is its member `image`, with mutable_content. A success lists tokens that Pushy does not know. The
 * names of errors are not documented: those that are seen refine what the status says.
 */
#include <string.h>

#include "core/json.h"
#include "providers/address.h"
#include "providers/build.h"
#include "providers/provider.h"
#include "providers/push.h"

#define PUSHY_ENDPOINT "https://api.pushy.me"
#define PUSHY_DATA_BYTES_MAX 4096
#define PUSHY_COLLAPSE_KEY_MAX 32
#define PUSHY_TTL_MAX_S 31536000
#define PUSHY_TIMEOUT_MS 30000
#define QUERY_BYTES_MAX 32768

struct pushy_code
{
    const char *code;
    enum outcome_class class;
};

static const struct pushy_code pushy_codes[] = {
    { "INTERNAL_ERROR", OUTCOME_RETRY },
    { "INVALID_API_KEY", OUTCOME_CONFIG },
    { "NO_APNS_AUTH", OUTCOME_CONFIG },
    { "NO_RECIPIENTS", OUTCOME_TOKEN_INVALID },
    { "PAYLOAD_LIMIT_EXCEEDED", OUTCOME_CONTENT },
};

/* Put data with nid and image; false with *reterr when it is too large. */
static bool
put_data(json *root, const struct message *message, const struct push_parts *parts,
         struct arena *arena, struct provider_error *reterr)
{
    json *data = parts->data == NULL ? json_new_object() : json_copy(parts->data);
    size_t len;

    build_put_text(data, "nid", message->delivery_id);
    build_put_text(data, "image", parts->image);
    json_put(root, "data", data);
    json_print(arena, data, &len);
    return len <= PUSHY_DATA_BYTES_MAX ||
           build_refuse(reterr, OUTCOME_CONTENT, "payload_too_large",
                        arena_printf(arena, "data has %zu bytes with nid and image, more than %d",
                                     len, PUSHY_DATA_BYTES_MAX));
}

static json *
make_notification(const struct push_parts *parts)
{
    json *notification = json_new_object();

    build_put_text(notification, "title", parts->title);
    build_put_text(notification, "body", parts->body);
    if (parts->badge >= 0)
    {
        json_put(notification, "badge", json_new_int(parts->badge));
    }
    build_put_text(notification, "sound", parts->sound);
    return notification;
}

static bool
fill_document(json *root, const struct message *message, const struct push_parts *parts,
              struct arena *arena, struct provider_error *reterr)
{
    int64_t ttl = build_seconds_left(message, PUSHY_TTL_MAX_S);

    build_put_text(root, "to", message->address);
    if (ttl >= 0)
    {
        /* Zero would be read as the default. */
        json_put(root, "time_to_live", json_new_int(ttl > 0 ? ttl : 1));
    }
    build_put_text(root, "collapse_key", parts->collapse_key);
    if (parts->image != NULL)
    {
        json_put(root, "mutable_content", json_new_bool(true));
    }
    json_put(root, "notification", make_notification(parts));
    if (parts->collapse_key != NULL && strlen(parts->collapse_key) > PUSHY_COLLAPSE_KEY_MAX)
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "collapse_key_too_long",
                            "collapse_key is longer than 32 bytes");
    }
    return put_data(root, message, parts, arena, reterr);
}

static const char *
make_path(const struct settings *settings, struct arena *arena)
{
    struct buf query;
    const char *path;

    buf_init(&query, QUERY_BYTES_MAX);
    build_form_field(&query, "api_key", settings_get(settings, "api_key"));
    path = arena_printf(arena, "/push?%.*s", (int) query.len, query.data);
    buf_finish(&query);
    return path;
}

static bool
pushy_build(const struct settings *settings, const struct message *message, struct arena *arena,
            struct wire_request *ret, struct provider_error *reterr)
{
    const char *problem = address_check_token(message->address);
    struct push_parts parts;
    json *root;
    bool ok;

    if (problem != NULL)
    {
        return build_refuse(reterr, OUTCOME_TOKEN_INVALID, "bad_address",
                            arena_printf(arena, "the token is malformed: %s", problem));
    }
    if (message->address[0] == '/')
    {
        return build_refuse(reterr, OUTCOME_TOKEN_INVALID, "bad_address",
                            "the address is a topic, not a token");
    }
    if (!push_read_visible(message, arena, &parts, reterr))
    {
        return false;
    }
    root = json_new_object();
    ok = fill_document(root, message, &parts, arena, reterr);
    push_finish(&parts);
    build_post(ret, settings, PUSHY_ENDPOINT, make_path(settings, arena), arena);
    build_json_body(ret, root, arena);
    return ok && build_header(ret, "accept", "application/json", reterr);
}

static void
judge_code(const char *code, struct outcome *ret)
{
    for (size_t i = 0; code != NULL && i < sizeof(pushy_codes) / sizeof(pushy_codes[0]); i++)
    {
        if (strcmp(pushy_codes[i].code, code) == 0)
        {
            ret->class = pushy_codes[i].class;
        }
    }
}

static void
pushy_classify(const struct settings *settings, const struct message *message,
               const struct wire_answer *answer, struct arena *arena, struct outcome *ret)
{
    json *root = json_parse(answer->body, answer->body_len, NULL);
    const char *code = json_get_string(root, "code");

    (void) settings;
    (void) message;
    ret->provider_id = arena_strdup(arena, json_get_string(root, "id"));
    ret->code = arena_strdup(arena, code);
    ret->reason = arena_strdup(arena, json_get_string(root, "error"));
    if (ret->class != OUTCOME_ACCEPTED || !json_get_bool(root, "success", code == NULL))
    {
        /* What nobody knows by name may be the token's or the account's fault: it stays suspect. */
        ret->class = answer->status == 404            ? OUTCOME_TOKEN_INVALID
                     : ret->class == OUTCOME_ACCEPTED ? OUTCOME_CONTENT
                                                      : ret->class;
        judge_code(code, ret);
        ret->suspect = ret->class == OUTCOME_TOKEN_INVALID;
    }
    else if (json_array_length(json_get(json_get(root, "info"), "failed")) > 0)
    {
        ret->class = OUTCOME_TOKEN_INVALID;
        ret->code = "failed";
        ret->reason = "Pushy does not know the token";
    }
    json_destroy(root);
}

static const struct provider_setting pushy_settings[] = {
    { .name = "api_key", .required = true, .secret = true, .doc = "Secret API Key of the app" },
    { .name = NULL },
};

const struct provider provider_pushy = {
    .kind = "pushy",
    .channel = CHANNEL_PUSH,
    .issuer = "pushy",
    .doc = "Pushy",
    .settings = pushy_settings,
    .total_timeout_ms = PUSHY_TIMEOUT_MS,
    .build = pushy_build,
    .classify = pushy_classify,
};
