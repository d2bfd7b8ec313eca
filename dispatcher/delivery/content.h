/* Content of objects, by its hash: read from the database, compared with its hash. */
#ifndef DELIVERY_CONTENT_H
#define DELIVERY_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

#include "delivery/session.h"

enum content_result
{
    CONTENT_OK,
    CONTENT_ABSENT,  /* it is not there */
    CONTENT_DAMAGED, /* what is there has another hash */
    CONTENT_FAILED,  /* reason says why */
    CONTENT_LOST     /* the session was lost, trying again will help */
};

typedef void (*content_done_fn)(void *user, enum content_result result, const char *reason);

/*
 * Read size bytes, all of the content, over a session into data, which must live until done is
 * called. That happens from inside when the session is missing.
 */
void content_read(struct session *session, enum session_link link, const char *sha256, char *data,
                  size_t size, content_done_fn done, void *user);

/* Is that hash, in hexadecimal, the hash of the bytes? */
bool content_is(const char *data, size_t size, const char *sha256);

#endif
