/* Memory that lives as long as one message: allocate freely, release once. */
#ifndef CORE_ARENA_H
#define CORE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena;

/* A new arena, or NULL when out of memory. */
struct arena *arena_create(void);

/* Release the arena and everything in it; NULL is allowed. */
void arena_destroy(struct arena *arena);

/* Zeroed memory aligned for any type. Never NULL: the process ends when memory is exhausted. */
void *arena_alloc(struct arena *arena, size_t size);

/* NUL-terminated copies. arena_strdup(NULL) is NULL. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t len);

/* printf into the arena. */
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
