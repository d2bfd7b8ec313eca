/* Array literals: every text element is quoted, so NULL, commas and braces in it mean nothing. */
#include "delivery/literal.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "core/utf8.h"

void
literal_open(struct buf *buf)
{
    buf_putc(buf, '{');
}

void
literal_close(struct buf *buf)
{
    buf_putc(buf, '}');
}

static void
separate(struct buf *buf)
{
    if (buf->len > 0 && buf->data[buf->len - 1] != '{')
    {
        buf_putc(buf, ',');
    }
}

static bool
is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f);
}

/* Append one character, scrubbed and escaped. */
static void
put_character(struct buf *buf, const char *text, size_t len, uint32_t code)
{
    if (is_control(code))
    {
        buf_putc(buf, ' ');
        return;
    }
    if (*text == '"' || *text == '\\')
    {
        buf_putc(buf, '\\');
    }
    buf_append(buf, text, len);
}

void
literal_text(struct buf *buf, const char *text, size_t max)
{
    size_t len;
    size_t written = 0;

    if (text == NULL)
    {
        literal_null(buf);
        return;
    }
    separate(buf);
    buf_putc(buf, '"');
    len = strlen(text);
    for (size_t at = 0; at < len;)
    {
        uint32_t code = 0xfffd;
        size_t step = utf8_decode(text + at, len - at, &code);
        bool valid = step > 0;
        size_t size = valid ? step : 3;

        if (written + size > max)
        {
            break;
        }
        put_character(buf, valid ? text + at : "\xef\xbf\xbd", size, valid ? code : 0xfffd);
        written += size;
        at += valid ? step : 1;
    }
    buf_putc(buf, '"');
}

void
literal_int(struct buf *buf, int64_t value)
{
    separate(buf);
    buf_printf(buf, "%" PRId64, value);
}

void
literal_null(struct buf *buf)
{
    separate(buf);
    buf_puts(buf, "NULL");
}
