/* Heap memory that is never NULL. */
#include "core/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/failpoint.h"

void
mem_exhausted(void)
{
    static const char line[] = "level=error msg=\"out of memory\"\n";

    if (write(STDERR_FILENO, line, sizeof(line) - 1) < 0)
    {
        /* Nothing is left to try. */
    }
    abort();
}

void *
mem_alloc(size_t size)
{
    void *ret = FAILPOINT_FAILS("memory") ? NULL : calloc(1, size > 0 ? size : 1);

    if (ret == NULL)
    {
        mem_exhausted();
    }
    return ret;
}

void *
mem_resize(void *old, size_t size)
{
    void *ret = FAILPOINT_FAILS("memory") ? NULL : realloc(old, size > 0 ? size : 1);

    if (ret == NULL)
    {
        mem_exhausted();
    }
    return ret;
}

char *
mem_strdup(const char *text)
{
    return text != NULL ? mem_strndup(text, strlen(text)) : NULL;
}

char *
mem_strndup(const char *text, size_t len)
{
    char *ret = mem_alloc(len + 1);

    memcpy(ret, text, len);
    return ret;
}
