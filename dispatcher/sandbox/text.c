/* UTF-8 checks and JSON strings. */
#include "sandbox/text.h"

#include <stdint.h>
#include <string.h>

#include "core/utf8.h"

static size_t
char_bytes(const char *text, size_t len)
{
    uint32_t code;

    return utf8_decode(text, len, &code);
}

bool
text_is_utf8(const char *text, size_t len)
{
    size_t at = 0;

    while (at < len)
    {
        size_t bytes = char_bytes(text + at, len - at);

        if (bytes == 0 || text[at] == '\0')
        {
            return false;
        }
        at += bytes;
    }
    return true;
}

size_t
text_length(const char *text, size_t len)
{
    size_t count = 0;
    size_t at = 0;

    while (at < len)
    {
        size_t bytes = char_bytes(text + at, len - at);

        at += bytes == 0 ? 1 : bytes;
        count++;
    }
    return count;
}

/* Append the escape of one special character. */
static void
append_escape(struct buf *buf, unsigned char c)
{
    switch (c)
    {
        case '"':
            buf_append(buf, "\\\"", 2);
            break;
        case '\\':
            buf_append(buf, "\\\\", 2);
            break;
        case '\n':
            buf_append(buf, "\\n", 2);
            break;
        case '\r':
            buf_append(buf, "\\r", 2);
            break;
        case '\t':
            buf_append(buf, "\\t", 2);
            break;
        default:
            buf_printf(buf, "\\u%04x", c);
    }
}

void
text_append_json(struct buf *buf, const char *text, size_t len)
{
    const unsigned char *bytes = (const unsigned char *) text;
    size_t start = 0;
    size_t at = 0;

    buf_putc(buf, '"');
    while (at < len)
    {
        unsigned char c = bytes[at];
        size_t step = c >= 0x20 && c < 0x7f ? 1 : char_bytes(text + at, len - at);

        if (step > 0 && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
        {
            at += step;
            continue;
        }
        buf_append(buf, text + start, at - start);
        if (step == 0)
        {
            buf_puts(buf, "\xef\xbf\xbd");
        }
        else
        {
            append_escape(buf, c);
        }
        start = ++at;
    }
    buf_append(buf, text + start, at - start);
    buf_putc(buf, '"');
}

void
text_append_json_string(struct buf *buf, const char *text)
{
    if (text == NULL)
    {
        buf_puts(buf, "null");
    }
    else
    {
        text_append_json(buf, text, strlen(text));
    }
}
