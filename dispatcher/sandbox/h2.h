/* The server side of HTTP/2, on nghttp2, with the means to misbehave frame by frame. */
#ifndef SANDBOX_H2_H
#define SANDBOX_H2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/buf.h"
#include "sandbox/double.h"
#include "sandbox/fault.h"
#include "sandbox/sock.h"

#define H2_HEADERS_MAX 100
#define H2_ANSWER_HEADERS_MAX (DOUBLE_HEADERS_MAX + 2)

struct h2;

struct h2_stream
{
    int32_t id;
    bool begun;        /* the path was seen */
    bool keep;         /* collect headers and body */
    bool had_request;  /* the request came completely */
    const char *error; /* the request breaks a ceiling; NULL: fine */
    size_t body_max;
    size_t body_bytes;
    size_t owner; /* for the owner of the events */
    void *user;
    struct arena *arena; /* NULL unless kept */
    struct double_request request;
    char apns_id[40];
    char text[256]; /* before the path: early pseudo headers; later strings of a fast answer */
    /* private */
    struct field *headers;
    struct buf body;
    struct double_reply reply;
    char status_text[12];
    char length_text[24];
    size_t sent;
    size_t limit;  /* bytes of the body that may leave by now */
    bool open_end; /* never say END_STREAM */
    struct h2_stream *next;
    struct h2_stream *previous;
};

struct h2_events
{
    /* The path is known: sets keep, body_max and owner. */
    void (*begin)(void *user, struct h2_stream *stream, const char *path);
    /* The headers of a kept request are complete, its body is not; may end the connection. */
    void (*head)(void *user, struct h2_stream *stream);
    /* The request is complete (or breaks a ceiling: error). */
    void (*request)(void *user, struct h2_stream *stream);
    /* The stream is gone and its memory about to be. */
    void (*closed)(void *user, struct h2_stream *stream);
};

struct h2 *h2_create(struct sock *sock, struct fault_settings settings,
                     const struct h2_events *events, void *user);
void h2_destroy(struct h2 *h2); /* closes all streams */

/* Bytes from the peer; false: the connection cannot go on. */
bool h2_feed(struct h2 *h2, const char *data, size_t len);

/* Move frames to the socket; false: both sides are through. */
bool h2_pump(struct h2 *h2);

/*
 * Answer a stream. Strings must live until it closes. limit: bytes of the body that may leave now
 * (SIZE_MAX: all); open_end: the stream never ends. reply->body NULL with a length: filler.
 */
void h2_answer(struct h2 *h2, struct h2_stream *stream, const struct double_reply *reply,
               size_t limit, bool open_end);

/* Let more bytes of a limited body leave; true when all may. */
bool h2_allow(struct h2 *h2, struct h2_stream *stream, size_t more);

void h2_refuse_stream(struct h2 *h2, struct h2_stream *stream);
void h2_fail_stream(struct h2 *h2, struct h2_stream *stream);

/* GOAWAY: with the stream as the last one processed, or just below it. */
void h2_goaway(struct h2 *h2, const struct h2_stream *stream, bool below);

/* Announce new settings on an open connection. */
void h2_change_settings(struct h2 *h2, struct fault_settings settings);

#endif
