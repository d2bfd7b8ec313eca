/*
 * HTTPS exchanges over HTTP/2: connections per origin, calls spread over them. What a peer without
 * HTTP/2 gets goes back to core/http.c, whose libcurl speaks HTTP/1.1.
 */
#ifndef CORE_HTTP2_H
#define CORE_HTTP2_H

#include "core/http.h"

struct http2;

struct http2_doors
{
    /* An exchange whose peer speaks no HTTP/2; nothing of it was sent. */
    void (*without_http2)(struct http *http, const struct wire_request *request,
                          const struct http_options *options, struct arena *arena,
                          http_done_fn done, void *user);
};

/* max_streams: calls per connection; max_connections: per origin. */
struct http2 *http2_create(struct loop *loop, struct http *http, int max_streams,
                           int max_connections, const struct http2_doors *doors);

/* Cancel what is in flight (no callbacks) and release everything; NULL is allowed. */
void http2_destroy(struct http2 *http2);

/* Start an https exchange; the terms are those of http_start(). */
void http2_start(struct http2 *http2, const struct wire_request *request,
                 const struct http_options *options, struct arena *arena, http_done_fn done,
                 void *user);

size_t http2_in_flight(const struct http2 *http2);

#endif
