/* A growing byte buffer with a mandatory ceiling; always NUL-terminated behind len. */
#ifndef CORE_BUF_H
#define CORE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf
{
    char *data;
    size_t len;
    size_t capacity;
    size_t max;
    bool overflow; /* something did not fit; stays set, later appends do nothing */
};

/* Start an empty buffer that never holds more than max bytes. */
void buf_init(struct buf *buf, size_t max);

/* Release the memory; the buffer is empty and usable again. */
void buf_finish(struct buf *buf);

/* Empty the buffer, keep its memory. */
void buf_reset(struct buf *buf);

/* Append; false (and overflow set) when the ceiling would be passed. */
bool buf_append(struct buf *buf, const void *data, size_t len);
bool buf_puts(struct buf *buf, const char *text);
bool buf_putc(struct buf *buf, char c);
bool buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
