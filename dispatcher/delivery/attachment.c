/* Reading of the part attachments. */
#include "delivery/attachment.h"

#include <string.h>

#include "core/json.h"

#define NAME_BYTES_MAX 200
#define CONTENT_ID_BYTES_MAX 64

static bool
refuse(struct provider_error *reterr, const char *code, const char *reason)
{
    *reterr = (struct provider_error){ .class = OUTCOME_CONTENT, .code = code, .reason = reason };
    return false;
}

static bool
is_id(const char *text)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    size_t i = 0;

    while (form[i] != '\0' &&
           (form[i] == '-' ? text[i] == '-'
                           : text[i] != '\0' && strchr("0123456789abcdefABCDEF", text[i]) != NULL))
    {
        i++;
    }
    return form[i] == '\0' && text[i] == '\0';
}

static bool
is_file_name(const char *text)
{
    size_t len = strlen(text);

    for (const char *p = text; *p != '\0'; p++)
    {
        if ((unsigned char) *p < ' ' || *p == 0x7f || *p == '/' || *p == '\\')
        {
            return false;
        }
    }
    return len > 0 && len <= NAME_BYTES_MAX;
}

/* What may stand behind cid: and between the brackets of a Content-ID without being escaped. */
static bool
is_content_id(const char *text)
{
    static const char allowed[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-@";
    size_t len = strlen(text);

    return len > 0 && len <= CONTENT_ID_BYTES_MAX && strspn(text, allowed) == len;
}

/* An attachment while its members are read. */
struct reading
{
    struct arena *arena;
    size_t number;
    struct delivery_attachment *ret;
    struct provider_error *reterr;
};

static bool
refuse_member(struct reading *reading, const char *key, const char *problem)
{
    return refuse(
        reading->reterr, "bad_attachments",
        arena_printf(reading->arena, "attachments[%zu].%.64s %s", reading->number, key, problem));
}

static bool
read_member(const char *key, json *value, void *user)
{
    struct reading *reading = user;
    struct delivery_attachment *ret = reading->ret;
    const char *text = arena_strdup(reading->arena, json_string(value));

    if (text == NULL)
    {
        return refuse_member(reading, key, "is not a text");
    }
    if (strcmp(key, "object") == 0)
    {
        ret->object = text;
        return is_id(text) || refuse_member(reading, key, "is not the id of an object");
    }
    if (strcmp(key, "name") == 0)
    {
        ret->name = text;
        return is_file_name(text) ||
               refuse_member(reading, key,
                             "is not the name of a file: 1 to 200 bytes without folder and "
                             "control characters");
    }
    if (strcmp(key, "inline") == 0)
    {
        ret->content_id = text;
        return is_content_id(text) ||
               refuse_member(reading, key,
                             "is not a name for cid: 1 to 64 letters, digits and ._-@");
    }
    return refuse_member(reading, key, "is not known; there are object, name and inline");
}

static bool
read_one(const json *one, struct reading *reading)
{
    reading->ret->object = NULL;
    if (!json_is_object(one))
    {
        return refuse(
            reading->reterr, "bad_attachments",
            arena_printf(reading->arena, "attachments[%zu] is no JSON object", reading->number));
    }
    return json_each(one, read_member, reading) &&
           (reading->ret->object != NULL || refuse_member(reading, "object", "is missing"));
}

static bool
is_repeated(const struct delivery *delivery, const struct delivery_attachment *attachment)
{
    for (size_t i = 0; i < delivery->attachment_count; i++)
    {
        const char *other = delivery->attachments[i].content_id;

        if (other != NULL && attachment->content_id != NULL &&
            strcmp(other, attachment->content_id) == 0)
        {
            return true;
        }
    }
    return false;
}

static bool
read_list(const json *list, struct delivery *delivery, struct provider_error *reterr)
{
    size_t count = json_array_length(list);
    struct reading reading = { .arena = delivery->arena, .reterr = reterr };

    if (!json_is_array(list))
    {
        return refuse(reterr, "bad_attachments", "attachments is no JSON array");
    }
    if (count > MESSAGE_ATTACHMENTS_MAX)
    {
        return refuse(reterr, "too_many_attachments",
                      arena_printf(delivery->arena, "attachments lists %zu objects, more than %d",
                                   count, MESSAGE_ATTACHMENTS_MAX));
    }
    delivery->attachments = arena_alloc(delivery->arena, count * sizeof(delivery->attachments[0]));
    for (; reading.number < count; reading.number++)
    {
        reading.ret = &delivery->attachments[reading.number];
        if (!read_one(json_array_at(list, reading.number), &reading))
        {
            return false;
        }
        if (is_repeated(delivery, reading.ret))
        {
            return refuse_member(&reading, "inline", "is the name of an earlier one too");
        }
        delivery->attachment_count++;
    }
    return true;
}

bool
attachment_read(struct delivery *delivery, struct provider_error *reterr)
{
    const char *text = message_part(&delivery->message, "attachments");
    const char *error = NULL;
    json *list;
    bool ok;

    delivery->attachment_count = 0;
    if (text == NULL || text[strspn(text, " \t\r\n")] == '\0')
    {
        return true;
    }
    list = json_parse(text, strlen(text), &error);
    ok = error != NULL ? refuse(reterr, "bad_attachments",
                                arena_printf(delivery->arena, "attachments is no JSON: %s", error))
                       : read_list(list, delivery, reterr);
    json_destroy(list);
    return ok;
}
