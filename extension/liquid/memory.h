/* Memory of the engine: an arena for what lives as long as its owner, a buffer for what grows. */
#ifndef LIQUID_MEMORY_H
#define LIQUID_MEMORY_H

#include <string.h>

#include "liquid.h"

struct lq_chunk;

struct lq_arena
{
    const struct lq_mem *mem; /* borrowed until lq_arena_finish() */
    struct lq_chunk *chunks;
    char *at;
    char *end;
    size_t next_size;
};

struct lq_buf
{
    const struct lq_mem *mem; /* borrowed until lq_buf_finish() */
    char *data;
    size_t len;
    size_t cap;
};

void lq_arena_init(struct lq_arena *arena, const struct lq_mem *mem, size_t first_size);
void lq_arena_finish(struct lq_arena *arena);

/* Zeroed memory, aligned for pointers, 64-bit integers and doubles; NULL when out of memory. */
void *lq_arena_alloc(struct lq_arena *arena, size_t size);

/* Like lq_arena_alloc() for count items; NULL also when the size overflows. */
void *lq_arena_array(struct lq_arena *arena, size_t count, size_t size);

/* Uninitialised bytes without alignment; NULL when out of memory. */
char *lq_arena_bytes(struct lq_arena *arena, size_t size);

void lq_buf_init(struct lq_buf *buf, const struct lq_mem *mem);
void lq_buf_finish(struct lq_buf *buf);

/* Make room for so many bytes more and one; false when out of memory. */
bool lq_buf_grow(struct lq_buf *buf, size_t len);

/* Append, keeping room for one more byte; false when out of memory. */
static inline bool
lq_buf_append(struct lq_buf *buf, const char *data, size_t len)
{
    if (len >= buf->cap - buf->len && !lq_buf_grow(buf, len))
        return false;
    if (len > 0)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    return true;
}

#endif
