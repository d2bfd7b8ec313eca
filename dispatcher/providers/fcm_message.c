/*
 * Messages of FCM HTTP v1.
 *
 * Parts: title, subtitle, body, badge, sound, image, thread_id, collapse_key, data, options, and
 * the blocks android, apns and webpush, which are laid over what is made of the other parts. FCM
 * takes only texts in data: other values are sent as their JSON text; the member "aps" of data goes
 * into the APNs payload. The key nid in data is the delivery id.
 */
#include "providers/fcm_message.h"

#include <string.h>

#include "providers/address.h"
#include "providers/build.h"
#include "providers/members.h"

#define FCM_TTL_MAX 2419200
#define TOPIC_PREFIX "/topics/"
#define TOPIC_CHARACTERS "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.~%"
#define TOPICS_MAX 5
#define CONDITION_BYTES_MAX 4096

/* Members of the blocks; FCM itself checks what they hold. */
static const struct member android_members[] = {
    { "bandwidth_constrained_ok", MEMBER_ANY, NULL, 0, 0 },
    { "collapse_key", MEMBER_ANY, NULL, 0, 0 },
    { "data", MEMBER_OBJECT, NULL, 0, 0 },
    { "direct_boot_ok", MEMBER_ANY, NULL, 0, 0 },
    { "fcm_options", MEMBER_OBJECT, NULL, 0, 0 },
    { "notification", MEMBER_OBJECT, NULL, 0, 0 },
    { "priority", MEMBER_ANY, NULL, 0, 0 },
    { "restricted_package_name", MEMBER_ANY, NULL, 0, 0 },
    { "restricted_satellite_ok", MEMBER_ANY, NULL, 0, 0 },
    { "ttl", MEMBER_ANY, NULL, 0, 0 },
    { NULL, MEMBER_ANY, NULL, 0, 0 },
};

static const struct member apns_members[] = {
    { "fcm_options", MEMBER_OBJECT, NULL, 0, 0 },
    { "headers", MEMBER_OBJECT, NULL, 0, 0 },
    { "live_activity_token", MEMBER_TEXT, NULL, 0, 0 },
    { "payload", MEMBER_OBJECT, NULL, 0, 0 },
    { NULL, MEMBER_ANY, NULL, 0, 0 },
};

static const struct member webpush_members[] = {
    { "data", MEMBER_OBJECT, NULL, 0, 0 },    { "fcm_options", MEMBER_OBJECT, NULL, 0, 0 },
    { "headers", MEMBER_OBJECT, NULL, 0, 0 }, { "notification", MEMBER_OBJECT, NULL, 0, 0 },
    { NULL, MEMBER_ANY, NULL, 0, 0 },
};

enum block
{
    BLOCK_ANDROID,
    BLOCK_APNS,
    BLOCK_WEBPUSH,
    BLOCK_COUNT
};

static const struct
{
    const char *name;
    const struct member *members;
} blocks[BLOCK_COUNT] = {
    [BLOCK_ANDROID] = { "android", android_members },
    [BLOCK_APNS] = { "apns", apns_members },
    [BLOCK_WEBPUSH] = { "webpush", webpush_members },
};

/* A document while it is made. */
struct draft
{
    const struct message *message;
    const struct push_parts *parts;
    const struct push_type *type;
    bool notification; /* FCM's own; else the app gets data alone */
    json *inner;
    json *blocks[BLOCK_COUNT]; /* of the template; NULL: absent */
    struct arena *arena;
    struct provider_error *reterr;
};

struct data_copy
{
    json *target;
    struct arena *arena;
    bool reserved; /* a name was one that FCM keeps for itself, or ours */
};

static bool
is_reserved(const char *key)
{
    return strcmp(key, "from") == 0 || strcmp(key, "message_type") == 0 ||
           strcmp(key, "nid") == 0 || strncmp(key, "google", 6) == 0 || strncmp(key, "gcm", 3) == 0;
}

static bool
put_data(const char *key, json *value, void *user)
{
    struct data_copy *copy = user;

    if (is_reserved(key))
    {
        copy->reserved = true;
        return false;
    }
    if (strcmp(key, "aps") == 0)
    {
        return true;
    }
    json_put(copy->target, key,
             json_is_string(value) ? json_copy(value)
                                   : json_new_string(json_print(copy->arena, value, NULL)));
    return true;
}

/* Put data, as texts and with the delivery id; false when it uses a reserved name. */
static bool
put_data_of(struct draft *draft, json *block, const json *data)
{
    struct data_copy copy = { json_new_object(), draft->arena, false };

    json_each(data, put_data, &copy);
    build_put_text(copy.target, "nid", draft->message->delivery_id);
    json_put(block, "data", copy.target);
    return !copy.reserved ||
           build_refuse(draft->reterr, OUTCOME_CONTENT, "reserved_key",
                        "data uses a name that FCM reserves (from, message_type, google… or "
                        "gcm…), or nid");
}

static bool
is_topic(const char *address)
{
    size_t prefix = strlen(TOPIC_PREFIX);

    return strncmp(address, TOPIC_PREFIX, prefix) == 0 && strlen(address) > prefix &&
           strspn(address + prefix, TOPIC_CHARACTERS) == strlen(address + prefix);
}

/* The database knows the grammar; here no more than FCM's limits are looked at. */
static bool
is_condition(const char *address)
{
    size_t topics = 0;

    for (const char *at = address; (at = strstr(at, "' in topics")) != NULL; at++)
    {
        topics++;
    }
    return topics > 0 && topics <= TOPICS_MAX && strlen(address) <= CONDITION_BYTES_MAX &&
           strspn(address, TOPIC_CHARACTERS "'()!&| ") == strlen(address);
}

static bool
put_token(struct draft *draft)
{
    const char *problem = address_check_token(draft->message->address);

    build_put_text(draft->inner, "token", draft->message->address);
    return problem == NULL ||
           build_refuse(draft->reterr, OUTCOME_TOKEN_INVALID, "bad_address",
                        arena_printf(draft->arena, "the token is malformed: %s", problem));
}

/* Put a token, or a topic or condition, which begin as no token does. */
static bool
put_target(struct draft *draft)
{
    const char *address = draft->message->address;
    bool topic = *address == '/';

    if (strcspn(address, "/('!") != 0 || *address == '\0')
    {
        return put_token(draft);
    }
    if (!draft->message->topics_allowed)
    {
        return build_refuse(draft->reterr, OUTCOME_CONTENT, "topic_not_allowed",
                            "the address is a topic, and the category does not allow topics");
    }
    if (topic ? !is_topic(address) : !is_condition(address))
    {
        return build_refuse(draft->reterr, OUTCOME_TOKEN_INVALID, "bad_address",
                            "the address is neither a topic nor a condition of one to five");
    }
    build_put_text(draft->inner, topic ? "topic" : "condition",
                   topic ? address + strlen(TOPIC_PREFIX) : address);
    return true;
}

static json *
make_notification(const struct push_parts *parts)
{
    json *notification = json_new_object();

    build_put_text(notification, "title", parts->title);
    build_put_text(notification, "body", parts->body);
    build_put_text(notification, "image", parts->image);
    return notification;
}

static json *
make_android(const struct draft *draft)
{
    const struct push_parts *parts = draft->parts;
    json *android = json_new_object();
    int64_t ttl = build_seconds_left(draft->message, FCM_TTL_MAX);

    json_put(android, "priority", json_new_string(draft->message->urgent ? "HIGH" : "NORMAL"));
    if (ttl >= 0)
    {
        build_put_text(android, "ttl", arena_printf(draft->arena, "%llds", (long long) ttl));
    }
    build_put_text(android, "collapse_key", parts->collapse_key);
    if (draft->notification)
    {
        json *notification = json_new_object();

        build_put_text(notification, "sound", parts->sound);
        build_put_text(notification, "tag", parts->collapse_key);
        if (parts->badge >= 0)
        {
            json_put(notification, "notification_count", json_new_int(parts->badge));
        }
        json_put(android, "notification", notification);
    }
    return android;
}

static json *
make_apns_headers(const struct draft *draft, const char *priority)
{
    const struct message *message = draft->message;
    json *headers = json_new_object();

    if (strcmp(draft->type->name, "background") == 0)
    {
        build_put_text(headers, "apns-push-type", draft->type->name);
    }
    build_put_text(headers, "apns-priority", priority);
    if (message->expires_at_s > 0)
    {
        build_put_text(headers, "apns-expiration",
                       arena_printf(draft->arena, "%lld", (long long) message->expires_at_s));
    }
    build_put_text(headers, "apns-collapse-id", draft->parts->collapse_key);
    return headers;
}

/* Put the block for Apple's devices; false when options have a priority that the type has not. */
static bool
put_apns(struct draft *draft)
{
    const struct push_parts *parts = draft->parts;
    /* The notification of FCM has no subtitle: it needs an alert of its own. */
    bool alert = !draft->notification || parts->subtitle != NULL;
    json *apns = json_new_object();
    json *payload;
    const char *priority;

    json_put(draft->inner, "apns", apns);
    if (!push_options_priority(&parts->options, draft->type, &priority, draft->arena,
                               draft->reterr))
    {
        return false;
    }
    json_put(apns, "headers", make_apns_headers(draft, priority));
    payload = json_new_object();
    json_put(apns, "payload", payload);
    json_put(payload, "aps", push_make_aps(draft->message, parts, draft->type, alert));
    if (parts->image != NULL && draft->type->visible)
    {
        json *options = json_new_object();

        build_put_text(options, "image", parts->image);
        json_put(apns, "fcm_options", options);
    }
    return true;
}

/* Lay a member over the one of the same name: objects are merged, all else is replaced. */
static bool
put_over(const char *key, json *value, void *user)
{
    json *mine = json_get(user, key);

    if (json_is_object(mine) && json_is_object(value))
    {
        return json_each(value, put_over, mine);
    }
    json_put(user, key, json_copy(value));
    return true;
}

/* Lay the template's block over ours. */
static bool
put_block(struct draft *draft, enum block which)
{
    const char *name = blocks[which].name;
    json *block = draft->blocks[which];
    const json *data = json_get(block, "data");

    if (block == NULL)
    {
        return true;
    }
    /* Data of a block takes the place of the message's. */
    if (data != NULL && !put_data_of(draft, block, data))
    {
        return false;
    }
    if (json_get(draft->inner, name) == NULL)
    {
        json_put(draft->inner, name, json_new_object());
    }
    return json_each(block, put_over, json_get(draft->inner, name));
}

/* Apple's devices get the push types that FCM passes on to them. */
static bool
is_for_apple(const struct draft *draft)
{
    return draft->type->visible || strcmp(draft->type->name, "background") == 0 ||
           json_get(draft->blocks[BLOCK_APNS], "live_activity_token") != NULL;
}

static bool
fill_message(struct draft *draft)
{
    const json *label = json_get(draft->parts->options.root, "analytics_label");

    if (!put_target(draft))
    {
        return false;
    }
    if (draft->notification)
    {
        json_put(draft->inner, "notification", make_notification(draft->parts));
    }
    if (!put_data_of(draft, draft->inner, draft->parts->data))
    {
        return false;
    }
    json_put(draft->inner, "android", make_android(draft));
    if (is_for_apple(draft) && !put_apns(draft))
    {
        return false;
    }
    if (label != NULL)
    {
        json *options = json_new_object();

        json_put(options, "analytics_label", json_copy(label));
        json_put(draft->inner, "fcm_options", options);
    }
    return put_block(draft, BLOCK_ANDROID) && put_block(draft, BLOCK_APNS) &&
           put_block(draft, BLOCK_WEBPUSH);
}

static bool
read_blocks(struct draft *draft)
{
    for (size_t i = 0; i < BLOCK_COUNT; i++)
    {
        if (!members_read(draft->message, blocks[i].name, blocks[i].members, &draft->blocks[i],
                          draft->arena, draft->reterr))
        {
            return false;
        }
    }
    return true;
}

json *
fcm_make_document(const struct message *message, const struct push_parts *parts,
                  struct arena *arena, struct provider_error *reterr)
{
    bool data_only = json_get_bool(parts->options.root, "data_only", false);
    /* What shows nothing anywhere is a background push to Apple's devices. */
    const char *usual = data_only && !push_has_text(parts) ? "background" : "alert";
    const struct push_type *type =
        parts->options.type != NULL ? parts->options.type : push_type_find(usual);
    struct draft draft = { .message = message,
                           .parts = parts,
                           .type = type,
                           .notification = type->visible && !data_only,
                           .inner = json_new_object(),
                           .arena = arena,
                           .reterr = reterr };
    json *root = json_new_object();
    bool ok;

    json_put(root, "message", draft.inner);
    ok = type->visible && !push_has_text(parts) ? push_refuse_empty(reterr)
                                                : read_blocks(&draft) && fill_message(&draft);
    for (size_t i = 0; i < BLOCK_COUNT; i++)
    {
        json_destroy(draft.blocks[i]);
    }
    if (!ok)
    {
        json_destroy(root);
        return NULL;
    }
    return root;
}
