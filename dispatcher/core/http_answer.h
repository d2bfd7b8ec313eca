/* Collects one HTTP answer, bounded: what libcurl and nghttp2 hand over piece by piece. */
#ifndef CORE_HTTP_ANSWER_H
#define CORE_HTTP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/wire.h"

struct http_answer
{
    struct wire_answer *wire; /* in the arena; what the caller gets */
    struct arena *arena;
    struct buf body;
    size_t body_max;
    size_t received; /* bytes of the body, kept or not */
    bool cut;
};

/* body_max: bytes of the body to keep; 0: WIRE_ANSWER_BODY_MAX. */
void http_answer_init(struct http_answer *answer, struct arena *arena, size_t body_max);
void http_answer_finish(struct http_answer *answer);

/* A new status line: an interim answer's headers are forgotten. */
void http_answer_restart(struct http_answer *answer);

/* Add a header; names in any case. now_us is the wall clock, for a Retry-After that is a date. */
void http_answer_add_header(struct http_answer *answer, const char *name, size_t name_len,
                            const char *value, size_t value_len, int64_t now_us);

/* Keep what fits; false when the peer sends more than anybody should read. */
bool http_answer_add_body(struct http_answer *answer, const void *data, size_t len);

/* Hand the body over to the arena. broken: the answer ended before its end. */
void http_answer_complete(struct http_answer *answer, bool broken);

#endif
