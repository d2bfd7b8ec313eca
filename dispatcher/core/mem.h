/* Heap memory for the daemons: never NULL, the process ends with one line when it is exhausted. */
#ifndef CORE_MEM_H
#define CORE_MEM_H

#include <stddef.h>

/* Zeroed memory, to be released with free(). */
void *mem_alloc(size_t size);

/* realloc(); new bytes are not zeroed. */
void *mem_resize(void *old, size_t size);

/* A copy of the text; NULL for NULL. */
char *mem_strdup(const char *text);

/* A copy of the first len bytes, NUL-terminated. */
char *mem_strndup(const char *text, size_t len);

/* End the process because memory is exhausted. */
_Noreturn void mem_exhausted(void);

#endif
