/* Bump allocation in blocks; large requests get a block of their own. */
#include "core/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/failpoint.h"
#include "core/mem.h"

#define ARENA_BLOCK_BYTES 4064
#define ARENA_LARGE_BYTES 1024

struct arena_block
{
    struct arena_block *next;
    size_t used;
    size_t size;
    alignas(max_align_t) unsigned char data[];
};

struct arena
{
    struct arena_block *blocks; /* the first one is being filled */
};

static struct arena_block *
arena_new_block(size_t size)
{
    struct arena_block *block;

    if (size > SIZE_MAX - sizeof(*block))
    {
        mem_exhausted();
    }
    block = FAILPOINT_FAILS("memory") ? NULL : malloc(sizeof(*block) + size);
    if (block == NULL)
    {
        mem_exhausted();
    }
    block->next = NULL;
    block->used = 0;
    block->size = size;
    return block;
}

struct arena *
arena_create(void)
{
    struct arena *arena = FAILPOINT_FAILS("memory") ? NULL : malloc(sizeof(*arena));

    if (arena != NULL)
    {
        arena->blocks = NULL;
    }
    return arena;
}

void
arena_destroy(struct arena *arena)
{
    struct arena_block *block;

    if (arena == NULL)
    {
        return;
    }
    while ((block = arena->blocks) != NULL)
    {
        arena->blocks = block->next;
        free(block);
    }
    free(arena);
}

/* A block of its own goes behind the one being filled, so that one stays in use. */
static void *
arena_alloc_large(struct arena *arena, size_t size)
{
    struct arena_block *block = arena_new_block(size);

    block->used = size;
    if (arena->blocks == NULL)
    {
        arena->blocks = block;
    }
    else
    {
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    }
    return memset(block->data, 0, size);
}

void *
arena_alloc(struct arena *arena, size_t size)
{
    const size_t align = alignof(max_align_t);
    struct arena_block *block = arena->blocks;
    void *ret;

    if (size > ARENA_LARGE_BYTES)
    {
        return arena_alloc_large(arena, size);
    }
    size = size > 0 ? (size + align - 1) / align * align : align;
    if (block == NULL || block->size - block->used < size)
    {
        block = arena_new_block(ARENA_BLOCK_BYTES);
        block->next = arena->blocks;
        arena->blocks = block;
    }
    ret = block->data + block->used;
    block->used += size;
    return memset(ret, 0, size);
}

char *
arena_strndup(struct arena *arena, const char *text, size_t len)
{
    char *ret;

    if (len == SIZE_MAX)
    {
        mem_exhausted();
    }
    ret = arena_alloc(arena, len + 1);
    if (len > 0)
    {
        memcpy(ret, text, len);
    }
    return ret;
}

char *
arena_strdup(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_strndup(arena, text, strlen(text));
}

char *
arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    char *ret;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
    {
        mem_exhausted();
    }
    ret = arena_alloc(arena, (size_t) len + 1);
    va_start(args, format);
    vsnprintf(ret, (size_t) len + 1, format, args);
    va_end(args);
    return ret;
}
