/* A growing byte buffer that stops at its ceiling. */
#include "core/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

#define BUF_FIRST_BYTES 128

/* What data points at while nothing is allocated (capacity 0); never written to. */
static char buf_nothing[1];

void
buf_init(struct buf *buf, size_t max)
{
    memset(buf, 0, sizeof(*buf));
    buf->data = buf_nothing;
    buf->max = max;
}

void
buf_finish(struct buf *buf)
{
    if (buf->capacity > 0)
    {
        free(buf->data);
    }
    buf_init(buf, buf->max);
}

void
buf_reset(struct buf *buf)
{
    buf->len = 0;
    buf->overflow = false;
    if (buf->capacity > 0)
    {
        buf->data[0] = '\0';
    }
}

/* Room for `more` bytes and the terminator; false when the ceiling is in the way. */
static bool
buf_reserve(struct buf *buf, size_t more)
{
    size_t capacity;

    if (buf->overflow || more > buf->max - buf->len)
    {
        buf->overflow = true;
        return false;
    }
    if (buf->len + more < buf->capacity)
    {
        return true;
    }
    capacity = buf->capacity > 0 ? buf->capacity * 2 : BUF_FIRST_BYTES;
    if (capacity <= buf->len + more)
    {
        capacity = buf->len + more + 1;
    }
    buf->data = mem_resize(buf->capacity > 0 ? buf->data : NULL, capacity);
    buf->capacity = capacity;
    return true;
}

bool
buf_append(struct buf *buf, const void *data, size_t len)
{
    if (!buf_reserve(buf, len))
    {
        return false;
    }
    if (len > 0)
    {
        memcpy(buf->data + buf->len, data, len);
    }
    buf->len += len;
    buf->data[buf->len] = '\0';
    return true;
}

bool
buf_puts(struct buf *buf, const char *text)
{
    return buf_append(buf, text, strlen(text));
}

bool
buf_putc(struct buf *buf, char c)
{
    return buf_append(buf, &c, 1);
}

bool
buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || !buf_reserve(buf, (size_t) len))
    {
        buf->overflow = true;
        return false;
    }
    va_start(args, format);
    vsnprintf(buf->data + buf->len, (size_t) len + 1, format, args);
    va_end(args);
    buf->len += (size_t) len;
    return true;
}
