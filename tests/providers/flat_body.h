/* The body of a request in one piece, for tests. */
#ifndef FLAT_BODY_H
#define FLAT_BODY_H

#include <stdio.h>
#include <stdlib.h>

#include "core/arena.h"
#include "core/body.h"

/* NUL-terminated; NULL when there is none. Ends the program when it is not of the length it says.
 */
static inline const char *
flat_body(struct arena *arena, const struct wire_request *request)
{
    struct body_reader reader;
    char *ret = arena_alloc(arena, request->body_len + 2);

    if (request->body == NULL && request->piece_count == 0)
    {
        return NULL;
    }
    body_start(&reader, request);
    if (body_read(&reader, ret, request->body_len + 1) != request->body_len)
    {
        fprintf(stderr, "the body has not %zu bytes\n", request->body_len);
        abort();
    }
    return ret;
}

#endif
