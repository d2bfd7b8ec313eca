/* Messages of case files: a JSON object is merged over what the message has so far. */
#ifndef CASE_MESSAGE_H
#define CASE_MESSAGE_H

#include <string.h>

#include "core/json.h"
#include "providers/case_file.h"
#include "providers/provider.h"

struct merge
{
    struct arena *arena;
    struct message *message;
    const json *root;
};

static bool
merge_part(const char *key, json *value, void *user)
{
    struct merge *merge = user;
    struct message *message = merge->message;
    const char *text = value == NULL ? NULL : json_string(value);
    size_t i = 0;

    while (i < message->part_count && strcmp(message->parts[i].name, key) != 0)
    {
        i++;
    }
    if (i == MESSAGE_PARTS_MAX || (value != NULL && text == NULL))
    {
        die("bad part", key);
    }
    if (i == message->part_count)
    {
        message->part_count++;
        message->parts[i].name = arena_strdup(merge->arena, key);
    }
    message->parts[i].text = arena_strdup(merge->arena, text == NULL ? "" : text);
    message->parts[i].len = strlen(message->parts[i].text);
    return true;
}

static bool
merge_number(struct message *message, const char *key, const json *root)
{
    int64_t *field = strcmp(key, "now_s") == 0          ? &message->now_s
                     : strcmp(key, "time_s") == 0       ? &message->time_s
                     : strcmp(key, "expires_at_s") == 0 ? &message->expires_at_s
                                                        : NULL;

    if (field != NULL)
    {
        *field = json_get_int(root, key, 0);
    }
    return field != NULL;
}

static bool
merge_flag(struct message *message, const char *key, const json *root)
{
    bool *field = strcmp(key, "urgent") == 0           ? &message->urgent
                  : strcmp(key, "bulk") == 0           ? &message->bulk
                  : strcmp(key, "topics_allowed") == 0 ? &message->topics_allowed
                  : strcmp(key, "second_try") == 0     ? &message->second_try
                                                       : NULL;

    if (field != NULL)
    {
        *field = json_get_bool(root, key, false);
    }
    return field != NULL;
}

static bool
merge_text(const struct merge *merge, const char *key, const json *value)
{
    struct message *m = merge->message;
    const struct
    {
        const char *name;
        const char **field;
    } fields[] = {
        { "delivery_id", &m->delivery_id }, { "notification_id", &m->notification_id },
        { "address", &m->address },         { "app", &m->app },
        { "environment", &m->environment }, { "template_name", &m->template_name },
        { "category", &m->category },       { "credential", &m->credential },
        { "locale", &m->locale },
    };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
    {
        if (strcmp(fields[i].name, key) == 0)
        {
            *fields[i].field =
                value == NULL ? NULL : arena_strdup(merge->arena, json_string(value));
            return true;
        }
    }
    return false;
}

static void
merge_random(const struct merge *merge, const char *text)
{
    size_t len = 0;
    const uint8_t *bytes = crypto_base64url_decode(merge->arena, text, &len);

    if (bytes == NULL || len != sizeof(merge->message->random))
    {
        die("random is not of the right length in base64url", text);
    }
    memcpy(merge->message->random, bytes, len);
}

static void
merge_attachments(const struct merge *merge, const json *list)
{
    struct arena *arena = merge->arena;
    size_t count = json_array_length(list);
    struct message_attachment *all = arena_alloc(arena, count * sizeof(*all));

    for (size_t i = 0; i < count; i++)
    {
        const json *one = json_array_at(list, i);

        all[i].name = arena_strdup(arena, json_get_string(one, "name"));
        all[i].content_type = arena_strdup(arena, json_get_string(one, "type"));
        all[i].content_id = arena_strdup(arena, json_get_string(one, "inline"));
        all[i].data = arena_strdup(arena, json_get_string(one, "content"));
        all[i].size = strlen(all[i].data);
    }
    merge->message->attachments = all;
    merge->message->attachment_count = count;
}

static bool
merge_member(const char *key, json *value, void *user)
{
    struct merge *merge = user;

    if (strcmp(key, "parts") == 0)
    {
        json_each(value, merge_part, merge);
    }
    else if (strcmp(key, "attachments") == 0)
    {
        merge_attachments(merge, value);
    }
    else if (strcmp(key, "random") == 0)
    {
        merge_random(merge, json_string(value));
    }
    else if (!merge_flag(merge->message, key, merge->root) &&
             !merge_number(merge->message, key, merge->root) && !merge_text(merge, key, value))
    {
        die("unknown member of message", key);
    }
    return true;
}

/* Merge all lines "message:" over the message, in their order. */
static void
case_message_merge(struct arena *arena, struct message *message, const struct line *lines)
{
    for (; lines != NULL; lines = lines->next)
    {
        const char *text = expand(arena, lines->value);
        const char *error = NULL;
        struct merge merge = { .arena = arena, .message = message };
        json *root;

        if (strcmp(lines->key, "message") != 0)
        {
            continue;
        }
        root = json_parse(text, strlen(text), &error);
        if (!json_is_object(root))
        {
            die(error == NULL ? "message is no object" : error, lines->value);
        }
        merge.root = root;
        json_each(root, merge_member, &merge);
        json_destroy(root);
    }
}

#endif
