/*
 * HTTP/2 on one connection that libcurl has set up (nghttp2). A call is one request on a stream; it
 * is sent once and never repeated. Frames of all calls of one loop iteration leave together.
 */
#ifndef CORE_HTTP2_SESSION_H
#define CORE_HTTP2_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/body.h"
#include "core/http_answer.h"
#include "core/http_link.h"
#include "core/loop.h"
#include "core/wire.h"

struct http2_session;

/* The owner's part of a call; lives until the call has ended. */
struct http2_call
{
    const struct wire_request *request;
    const char *authority;
    const char *path;
    const char *authorization; /* value of that header, or NULL */
    struct http_answer answer;

    /* The session's. */
    struct http2_session *session;
    struct http2_call *previous;
    struct http2_call *next;
    int32_t id;
    struct body_reader body;
    size_t body_sent;
    bool sent; /* the end of the request was handed to the connection */
};

enum http2_end
{
    HTTP2_ANSWERED, /* to its end */
    HTTP2_CUT,      /* the status is there, the rest is not */
    HTTP2_REFUSED,  /* the peer says that it did not process the request */
    HTTP2_BROKEN    /* no answer; call->sent tells whether it may have been executed */
};

struct http2_session_events
{
    void (*ended)(void *user, struct http2_call *call, enum http2_end end);
    /* A batch of input was taken: there may be room again, or the session may be over. */
    void (*settled)(void *user);
};

/* link is up and speaks HTTP/2; the session closes it. max_calls: of its own, the peer may say
 * less. */
struct http2_session *http2_session_create(struct loop *loop, struct http_link *link, int max_calls,
                                           const struct http2_session_events *events, void *user);

/* Calls that are left are forgotten, not ended. Not from inside ended(). NULL is allowed. */
void http2_session_destroy(struct http2_session *session);

/* How many calls it would take now; 0 for good when the peer or the owner has retired it. */
int http2_session_room(const struct http2_session *session);
size_t http2_session_calls(const struct http2_session *session);

/* Broken, or retired and empty: to be destroyed. */
bool http2_session_is_over(const struct http2_session *session);

/* When something was last received (monotonic ms). */
int64_t http2_session_heard_ms(const struct http2_session *session);

/* Take no more calls. */
void http2_session_retire(struct http2_session *session);

/* Start a call; false when the session cannot take it. ended() is never called from in here. */
bool http2_session_start(struct http2_session *session, struct http2_call *call);

/* Reset the stream and forget the call. */
void http2_session_cancel(struct http2_call *call);

#endif
