/* Arena and growing buffer over the injected allocator. */
#include "memory.h"

#include <stdalign.h>
#include <string.h>

enum
{
    CHUNK_MIN = 512,
    CHUNK_MAX = 65536,
    BUF_MIN = 256
};

/* What the engine stores; a host's allocator need not align for long double. */
union widest
{
    void *pointer;
    uint64_t integer;
    double number;
};

struct lq_chunk
{
    struct lq_chunk *next;
    alignas(union widest) char data[];
};

void
lq_arena_init(struct lq_arena *arena, const struct lq_mem *mem, size_t first_size)
{
    *arena = (struct lq_arena){ .mem = mem, .next_size = first_size };
    if (arena->next_size < CHUNK_MIN)
        arena->next_size = CHUNK_MIN;
    if (arena->next_size > CHUNK_MAX)
        arena->next_size = CHUNK_MAX;
}

void
lq_arena_finish(struct lq_arena *arena)
{
    struct lq_chunk *chunk = arena->chunks;

    while (chunk != NULL)
    {
        struct lq_chunk *next = chunk->next;

        arena->mem->free(arena->mem->ctx, chunk);
        chunk = next;
    }
    arena->chunks = NULL;
    arena->at = arena->end = NULL;
}

static bool
add_chunk(struct lq_arena *arena, size_t size)
{
    struct lq_chunk *chunk;

    if (size < arena->next_size)
        size = arena->next_size;
    if (size > SIZE_MAX - sizeof(*chunk))
        return false;
    chunk = arena->mem->alloc(arena->mem->ctx, sizeof(*chunk) + size);
    if (chunk == NULL)
        return false;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->at = chunk->data;
    arena->end = chunk->data + size;
    if (arena->next_size < CHUNK_MAX)
        arena->next_size *= 2;
    return true;
}

char *
lq_arena_bytes(struct lq_arena *arena, size_t size)
{
    char *ret;

    if (arena->at == NULL || (size_t) (arena->end - arena->at) < size)
    {
        if (!add_chunk(arena, size))
            return NULL;
    }
    ret = arena->at;
    arena->at += size;
    return ret;
}

void *
lq_arena_alloc(struct lq_arena *arena, size_t size)
{
    const size_t align = alignof(union widest);
    size_t skip = (align - (uintptr_t) arena->at % align) % align;
    char *ret;

    if (size > SIZE_MAX - align)
        return NULL;
    if (arena->at == NULL || (size_t) (arena->end - arena->at) < size + skip)
    {
        if (!add_chunk(arena, size))
            return NULL;
        skip = 0;
    }
    ret = arena->at + skip;
    arena->at = ret + size;
    memset(ret, 0, size);
    return ret;
}

void *
lq_arena_array(struct lq_arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size)
        return NULL;
    return lq_arena_alloc(arena, count * size);
}

void
lq_buf_init(struct lq_buf *buf, const struct lq_mem *mem)
{
    *buf = (struct lq_buf){ .mem = mem };
}

void
lq_buf_finish(struct lq_buf *buf)
{
    if (buf->data != NULL)
        buf->mem->free(buf->mem->ctx, buf->data);
    *buf = (struct lq_buf){ .mem = buf->mem };
}

bool
lq_buf_grow(struct lq_buf *buf, size_t len)
{
    size_t cap = buf->cap < BUF_MIN ? BUF_MIN : buf->cap;
    char *data;

    if (len >= SIZE_MAX - buf->len)
        return false;
    while (cap - buf->len <= len)
    {
        if (cap > SIZE_MAX / 2)
            return false;
        cap *= 2;
    }
    if (buf->data == NULL)
        data = buf->mem->alloc(buf->mem->ctx, cap);
    else
        data = buf->mem->realloc(buf->mem->ctx, buf->data, cap);
    if (data == NULL)
        return false;
    buf->data = data;
    buf->cap = cap;
    return true;
}
