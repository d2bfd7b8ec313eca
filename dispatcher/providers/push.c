/* Parts of push notifications. */
#include "providers/push.h"

#include <stdlib.h>
#include <string.h>

#include "providers/address.h"
#include "providers/build.h"

#define BADGE_DIGITS_MAX 9

static bool
refuse(struct provider_error *reterr, const char *code, const char *reason)
{
    return build_refuse(reterr, OUTCOME_CONTENT, code, reason);
}

static bool
read_badge(const struct message *message, struct push_parts *parts, struct provider_error *reterr)
{
    const char *text = message_part(message, "badge");
    size_t len;

    parts->badge = -1;
    if (text == NULL)
    {
        return true;
    }
    len = strspn(text, "0123456789");
    if (len == 0 || len > BADGE_DIGITS_MAX || text[len] != '\0')
    {
        return refuse(reterr, "bad_badge", "badge is not a whole number from 0 to 999999999");
    }
    parts->badge = strtol(text, NULL, 10);
    return true;
}

static bool
read_data(const struct message *message, struct push_parts *parts, struct provider_error *reterr)
{
    const char *text = message_part(message, "data");

    if (text == NULL)
    {
        return true;
    }
    parts->data = json_parse(text, strlen(text), NULL);
    if (!json_is_object(parts->data))
    {
        return refuse(reterr, "bad_data", "data is not a JSON object");
    }
    if (json_get(parts->data, "nid") != NULL ||
        (parts->image != NULL && json_get(parts->data, "image") != NULL))
    {
        return refuse(reterr, "reserved_key",
                      "data uses the name nid, or image beside the part image");
    }
    if (json_get(parts->data, "aps") != NULL)
    {
        parts->aps = json_get(parts->data, "aps");
        if (!json_is_object(parts->aps))
        {
            return refuse(reterr, "reserved_key", "aps in data is not a JSON object");
        }
    }
    return true;
}

bool
push_read(const struct message *message, struct arena *arena, struct push_parts *ret,
          struct provider_error *reterr)
{
    *ret = (struct push_parts){
        .title = message_part(message, "title"),
        .subtitle = message_part(message, "subtitle"),
        .body = message_part(message, "body"),
        .sound = message_part(message, "sound"),
        .image = message_part(message, "image"),
    };
    if (ret->image != NULL && address_check_url(ret->image, false) != NULL)
    {
        return refuse(reterr, "bad_image", "image is not an https:// URL");
    }
    if (!build_line(message, "collapse_key", &ret->collapse_key, arena, reterr) ||
        !build_line(message, "thread_id", &ret->thread_id, arena, reterr) ||
        !read_badge(message, ret, reterr))
    {
        return false;
    }
    if (!read_data(message, ret, reterr) ||
        !push_options_read(message, &ret->options, arena, reterr))
    {
        push_finish(ret);
        return false;
    }
    return true;
}

bool
push_read_visible(const struct message *message, struct arena *arena, struct push_parts *ret,
                  struct provider_error *reterr)
{
    if (!push_read(message, arena, ret, reterr))
    {
        return false;
    }
    if (!push_has_text(ret))
    {
        push_finish(ret);
        return push_refuse_empty(reterr);
    }
    return true;
}

void
push_finish(struct push_parts *parts)
{
    json_destroy(parts->data);
    parts->data = NULL;
    parts->aps = NULL;
    push_options_finish(&parts->options);
}

bool
push_has_text(const struct push_parts *parts)
{
    return parts->title != NULL || parts->body != NULL;
}

bool
push_refuse_empty(struct provider_error *reterr)
{
    return refuse(reterr, "empty", "title and body are both empty");
}

json *
push_alert(const struct push_parts *parts)
{
    json *alert = json_new_object();

    build_put_text(alert, "title", parts->title);
    build_put_text(alert, "subtitle", parts->subtitle);
    build_put_text(alert, "body", parts->body);
    return alert;
}

static void
put_visible(json *aps, const struct push_parts *parts)
{
    if (parts->badge >= 0)
    {
        json_put(aps, "badge", json_new_int(parts->badge));
    }
    build_put_text(aps, "sound", parts->sound);
    build_put_text(aps, "thread-id", parts->thread_id);
    /* An app fetches an image before it is shown. */
    if (json_get_bool(parts->options.root, "mutable_content", parts->image != NULL))
    {
        json_put(aps, "mutable-content", json_new_int(1));
    }
    push_options_put_aps(aps, &parts->options);
}

static bool
put_member(const char *key, json *value, void *user)
{
    json_put(user, key, json_copy(value));
    return true;
}

static bool
put_invisible(const char *key, json *value, void *user)
{
    return strcmp(key, "alert") == 0 || strcmp(key, "badge") == 0 || strcmp(key, "sound") == 0 ||
           put_member(key, value, user);
}

json *
push_make_aps(const struct message *message, const struct push_parts *parts,
              const struct push_type *type, bool alert)
{
    json *aps = json_new_object();

    if (strcmp(type->name, "background") == 0)
    {
        json_put(aps, "content-available", json_new_int(1));
        json_each(parts->aps, put_invisible, aps);
        return aps;
    }
    if (parts->options.live_activity != NULL)
    {
        push_options_put_live(aps, &parts->options, message);
    }
    if (alert && push_has_text(parts))
    {
        json_put(aps, "alert", push_alert(parts));
    }
    put_visible(aps, parts);
    json_each(parts->aps, put_member, aps);
    return aps;
}
