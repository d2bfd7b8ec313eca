/* A strict HTTP/1.1 request parser with ceilings, and the answers' serializer. */
#ifndef SANDBOX_H1_H
#define SANDBOX_H1_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/buf.h"
#include "sandbox/double.h"

#define H1_HEAD_BYTES_MAX 65536
#define H1_HEADERS_MAX 100

enum h1_event
{
    H1_MORE,    /* all input used, nothing complete */
    H1_HEAD,    /* request line and headers are there; body_max may be set now */
    H1_REQUEST, /* the request is complete; h1_next() goes on */
    H1_BAD      /* status and error say why; the connection is to be closed */
};

enum h1_state
{
    H1_IN_HEAD,
    H1_IN_BODY,
    H1_IN_CHUNK_SIZE,
    H1_IN_CHUNK,
    H1_IN_CHUNK_END,
    H1_IN_TRAILER,
    H1_COMPLETE
};

struct h1
{
    enum h1_state state;
    struct arena *arena; /* of the request */
    struct double_request request;
    bool keep_alive;
    bool expect_continue;
    size_t body_max;
    int status;
    const char *error;
    /* private */
    struct buf head;
    struct buf line;
    struct buf body;
    size_t left; /* of the body or chunk */
    bool chunked;
};

void h1_init(struct h1 *h1);
void h1_finish(struct h1 *h1);

/* Feed bytes; stops behind each event. *ret_used: bytes consumed. */
enum h1_event h1_feed(struct h1 *h1, const char *data, size_t len, size_t *ret_used);

/* Start over with the next request; the old one's memory is released. */
void h1_next(struct h1 *h1);

/* Has a request begun and not ended? */
bool h1_is_partial(const struct h1 *h1);

/* Append an answer. */
void h1_print(struct buf *ret, const struct double_reply *reply, bool keep_alive);

#endif
