/* Requests, headers, JSON and form bodies. */
#include "providers/build.h"

#include <string.h>

#include "core/body.h"

bool
build_refuse(struct provider_error *reterr, enum outcome_class class, const char *code,
             const char *reason)
{
    *reterr = (struct provider_error){ .class = class, .code = code, .reason = reason };
    return false;
}

void
build_post(struct wire_request *request, const struct settings *settings,
           const char *default_endpoint, const char *path, struct arena *arena)
{
    const char *endpoint = settings_get(settings, "endpoint");
    size_t len;

    if (endpoint == NULL)
    {
        endpoint = default_endpoint;
    }
    len = strlen(endpoint);
    while (len > 0 && endpoint[len - 1] == '/')
    {
        len--;
    }
    *request = (struct wire_request){ .kind = WIRE_HTTP, .method = "POST" };
    request->url = arena_printf(arena, "%.*s%s", (int) len, endpoint, path);
}

bool
build_header(struct wire_request *request, const char *name, const char *value,
             struct provider_error *reterr)
{
    if (!wire_add_header(request, name, value))
    {
        return build_refuse(reterr, OUTCOME_CONTENT, "header_injection",
                            "a header value holds a line break or another control character");
    }
    return true;
}

void
build_put_text(json *object, const char *name, const char *text)
{
    if (text != NULL)
    {
        json_put(object, name, json_new_string(text));
    }
}

int64_t
build_seconds_left(const struct message *message, int64_t max)
{
    int64_t left = message->expires_at_s - message->now_s;

    if (message->expires_at_s <= 0)
    {
        return -1;
    }
    return left < 0 ? 0 : left > max ? max : left;
}

void
build_json_body(struct wire_request *request, json *document, struct arena *arena)
{
    request->body = json_print(arena, document, &request->body_len);
    json_destroy(document);
    wire_add_header(request, "content-type", "application/json");
}

void
build_json_pieces(struct wire_request *request, json *document, const char *member,
                  const struct wire_piece *pieces, size_t count, size_t places, struct arena *arena)
{
    /* Inside of texts quotes are escaped, so this cannot stand in one. */
    const char *place = arena_printf(arena, "\"%s\":\"\"", member);
    struct wire_piece *all = arena_alloc(arena, (count + places + 1) * sizeof(*all));
    size_t all_count = 0;
    const char *text;
    const char *end;

    build_json_body(request, document, arena);
    text = request->body;
    for (size_t i = 0; i < places && (end = strstr(text, place)) != NULL; i++)
    {
        end += strlen(place) - 1;
        all[all_count++] = (struct wire_piece){ .data = text, .len = (size_t) (end - text) };
        memcpy(all + all_count, pieces + i * (count / places), count / places * sizeof(*all));
        all_count += count / places;
        text = end;
    }
    all[all_count++] = (struct wire_piece){ .data = text, .len = strlen(text) };
    body_set_pieces(request, all, all_count);
}

bool
build_has_control(const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
    {
        if ((unsigned char) *p < 0x20 || *p == 0x7f)
        {
            return true;
        }
    }
    return false;
}

bool
build_line(const struct message *message, const char *part, const char **ret, struct arena *arena,
           struct provider_error *reterr)
{
    const char *text = message_part(message, part);

    if (text != NULL && build_has_control(text))
    {
        return build_refuse(
            reterr, OUTCOME_CONTENT, "header_injection",
            arena_printf(arena, "%s holds a line break or another control character", part));
    }
    *ret = text;
    return true;
}

bool
build_is_unreserved(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void
build_form_field(struct buf *form, const char *name, const char *value)
{
    static const char hex[] = "0123456789ABCDEF";

    if (form->len > 0)
    {
        buf_putc(form, '&');
    }
    buf_puts(form, name);
    buf_putc(form, '=');
    for (const unsigned char *p = (const unsigned char *) value; *p != '\0'; p++)
    {
        if (build_is_unreserved(*p))
        {
            buf_putc(form, (char) *p);
        }
        else
        {
            const char escape[3] = { '%', hex[*p >> 4], hex[*p & 15] };

            buf_append(form, escape, sizeof(escape));
        }
    }
}

void
build_form_body(struct wire_request *request, struct buf *form, struct arena *arena)
{
    request->body = arena_strndup(arena, form->data, form->len);
    request->body_len = form->len;
    wire_add_header(request, "content-type", "application/x-www-form-urlencoded");
    buf_finish(form);
}

size_t
build_count_characters(const char *text)
{
    size_t count = 0;

    for (const char *p = text; *p != '\0'; p++)
    {
        count += ((unsigned char) *p & 0xc0) != 0x80;
    }
    return count;
}
