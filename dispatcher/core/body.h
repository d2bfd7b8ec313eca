/*
 * Bodies of requests while they go out. A body is one text, or pieces of which some are encoded on
 * the way, so that large content never stands in memory a second time.
 */
#ifndef CORE_BODY_H
#define CORE_BODY_H

#include "core/wire.h"

#define BODY_LINE_BYTES 57 /* of content in a line of 76 characters */
#define BODY_LINE_CHARS 76

/* Encoded characters on their way out. */
struct body_line
{
    char text[BODY_LINE_CHARS + 2];
    size_t len;
    size_t sent;
};

struct body_reader
{
    const struct wire_request *request;
    size_t piece; /* the one being read; of the text, 0 */
    size_t at;    /* in it */
    struct body_line inner;
    struct body_line outer; /* of enclosed pieces */
};

/* Set pieces as the request's body. They and their content must live as long as the request. */
void body_set_pieces(struct wire_request *request, const struct wire_piece *pieces, size_t count);

/* Begin to read a request's body. */
void body_start(struct body_reader *reader, const struct wire_request *request);

/* The next bytes, at most size; fewer only at the end, which is body_len in all. */
size_t body_read(struct body_reader *reader, void *ret, size_t size);

/* SHA-256 of the whole body. */
void body_sha256(const struct wire_request *request, uint8_t ret[32]);

#endif
