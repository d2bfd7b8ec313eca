/* An allocator for tests: counts blocks and can fail at one call. */
#ifndef LIQUID_HEAP_H
#define LIQUID_HEAP_H

#include <stdlib.h>

#include "liquid.h"

struct heap
{
    size_t live;    /* blocks not yet freed */
    size_t calls;   /* of alloc and realloc */
    size_t fail_at; /* the call that fails, from 1; 0: none */
};

static inline bool
heap_refuses(struct heap *heap)
{
    heap->calls++;
    return heap->calls == heap->fail_at;
}

static inline void *
heap_alloc(void *ctx, size_t size)
{
    struct heap *heap = ctx;

    if (heap_refuses(heap))
        return NULL;
    heap->live++;
    return malloc(size);
}

static inline void *
heap_realloc(void *ctx, void *old, size_t size)
{
    return heap_refuses(ctx) ? NULL : realloc(old, size);
}

static inline void
heap_free(void *ctx, void *ptr)
{
    ((struct heap *) ctx)->live--;
    free(ptr);
}

static inline struct lq_mem
heap_mem(struct heap *heap)
{
    return (struct lq_mem){ heap_alloc, heap_realloc, heap_free, heap };
}

#endif
