/* What the doubles share: looking into requests, building answers. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/crypto.h"
#include "sandbox/double.h"
#include "sandbox/text.h"

const char *
request_header(const struct double_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++)
    {
        if (strcmp(request->headers[i].name, name) == 0)
        {
            return request->headers[i].value;
        }
    }
    return NULL;
}

struct double_request
request_opened(const struct double_request *request, const char *plaintext)
{
    struct double_request ret = *request;

    if (plaintext != NULL)
    {
        ret.body = plaintext;
        ret.body_len = strlen(plaintext);
    }
    return ret;
}

const char *
request_duplicate(const struct double_request *request)
{
    for (size_t i = 1; i < request->header_count; i++)
    {
        for (size_t k = 0; k < i; k++)
        {
            if (strcmp(request->headers[i].name, request->headers[k].name) == 0)
            {
                return request->headers[i].name;
            }
        }
    }
    return NULL;
}

bool
request_has_type(const struct double_request *request, const char *type)
{
    const char *value = request_header(request, "content-type");
    size_t len = strlen(type);

    return value != NULL && strncasecmp(value, type, len) == 0 &&
           (value[len] == '\0' || value[len] == ';' || value[len] == ' ');
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
    {
        return c - '0';
    }
    c = (char) (c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decode %XX and + ; *bad is set for what is no valid text. */
static char *
form_decode(struct arena *arena, const char *text, size_t len, bool *bad)
{
    char *ret = arena_alloc(arena, len + 1);
    size_t out = 0;

    for (size_t i = 0; i < len; i++)
    {
        char c = text[i] == '+' ? ' ' : text[i];

        if (c == '%' && i + 2 < len && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0)
        {
            c = (char) (hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
            i += 2;
        }
        else if (c == '%')
        {
            *bad = true;
        }
        ret[out++] = c;
    }
    *bad = *bad || !text_is_utf8(ret, out);
    return ret;
}

struct form_field *
form_parse(struct arena *arena, const char *text, size_t len, size_t *ret_count)
{
    struct form_field *fields;
    size_t max = 1;
    size_t count = 0;
    size_t at = 0;

    for (size_t i = 0; i < len; i++)
    {
        max += text[i] == '&';
    }
    fields = arena_alloc(arena, max * sizeof(*fields));
    while (at < len)
    {
        const char *end = memchr(text + at, '&', len - at);
        size_t size = end != NULL ? (size_t) (end - text) - at : len - at;
        const char *equals = memchr(text + at, '=', size);
        size_t name = equals != NULL ? (size_t) (equals - text) - at : size;
        struct form_field *field = &fields[count++];

        field->name = form_decode(arena, text + at, name, &field->malformed);
        field->value = equals != NULL
                           ? form_decode(arena, equals + 1, size - name - 1, &field->malformed)
                           : "";
        at += size + 1;
    }
    *ret_count = count;
    return fields;
}

const char *
form_get(const struct form_field *fields, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
    {
        if (strcmp(fields[i].name, name) == 0)
        {
            return fields[i].value;
        }
    }
    return NULL;
}

void
reply_header(struct double_reply *reply, const char *name, const char *value)
{
    if (reply->header_count < DOUBLE_HEADERS_MAX)
    {
        reply->headers[reply->header_count++] = (struct field){ name, value };
    }
}

void
reply_body(struct double_reply *reply, int status, const char *type, const char *body)
{
    reply->status = status;
    reply->body = body;
    reply->body_len = strlen(body);
    reply_header(reply, "content-type", type);
}

void
reply_html(struct double_reply *reply, int status, struct arena *arena)
{
    reply->header_count = 0;
    reply_body(reply, status, "text/html",
               arena_printf(arena,
                            "<html>\r\n<head><title>%d</title></head>\r\n<body><center>"
                            "<h1>%d</h1></center><hr><center>nginx</center></body>\r\n</html>\r\n",
                            status, status));
}

char *
random_hex(struct arena *arena, size_t digits)
{
    static const char hex[] = "0123456789abcdef";
    char *text = arena_alloc(arena, digits + 1);

    crypto_random(text, digits);
    for (size_t i = 0; i < digits; i++)
    {
        text[i] = hex[text[i] & 15];
    }
    text[digits] = '\0';
    return text;
}

char *
random_uuid(struct arena *arena)
{
    const char *hex = random_hex(arena, 32);

    return arena_printf(arena, "%.8s-%.4s-4%.3s-a%.3s-%.12s", hex, hex + 8, hex + 13, hex + 17,
                        hex + 20);
}

bool
address_is_e164(const char *text)
{
    size_t digits;

    if (text == NULL || text[0] != '+' || text[1] == '0')
    {
        return false;
    }
    digits = strspn(text + 1, "0123456789");
    return digits >= 7 && digits <= 15 && text[1 + digits] == '\0';
}

/* One label: letters, digits, hyphens inside. */
static bool
is_label(const char *text, size_t len)
{
    if (len == 0 || len > 63 || text[0] == '-' || text[len - 1] == '-')
    {
        return false;
    }
    for (size_t i = 0; i < len; i++)
    {
        if (hex_digit(text[i]) < 0 && !((text[i] | 0x20) >= 'a' && (text[i] | 0x20) <= 'z') &&
            text[i] != '-')
        {
            return false;
        }
    }
    return true;
}

static bool
is_domain(const char *text)
{
    if (strlen(text) > 255)
    {
        return false;
    }
    for (;;)
    {
        size_t len = strcspn(text, ".");

        if (!is_label(text, len))
        {
            return false;
        }
        if (text[len] == '\0')
        {
            return true;
        }
        text += len + 1;
    }
}

bool
address_is_mailbox(const char *text)
{
    const char *at = text != NULL ? strrchr(text, '@') : NULL;
    size_t local;

    if (at == NULL || strlen(text) > 254)
    {
        return false;
    }
    local = (size_t) (at - text);
    if (local == 0 || local > 64 || text[0] == '.' || at[-1] == '.')
    {
        return false;
    }
    for (size_t i = 0; i < local; i++)
    {
        unsigned char c = (unsigned char) text[i];

        if (c <= ' ' || c >= 0x7f || strchr("<>()[],;:\\\"@", c) != NULL ||
            (c == '.' && text[i + 1] == '.'))
        {
            return false;
        }
    }
    return is_domain(at + 1);
}
