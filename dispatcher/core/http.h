/*
 * Moves requests: HTTP/2 (nghttp2) over TLS connections that libcurl sets up, HTTP/1.1 on libcurl's
 * multi interface where the peer speaks nothing newer, mail over SMTP connections that libcurl sets
 * up. Connections are reused.
 *
 * What is fixed here: redirects off, https and smtp(s) only (http needs allow_http), TLS ≥ 1.2 with
 * verification, no proxies from the environment, bodies sent once (a rewind fails, so libcurl never
 * repeats a request), answers capped, total and connect timeouts always set.
 */
#ifndef CORE_HTTP_H
#define CORE_HTTP_H

#include "core/arena.h"
#include "core/loop.h"
#include "core/wire.h"

struct http;

/* The user-agent of all requests: filters in front of receivers refuse those without one. */
#define HTTP_USER_AGENT "pg_herald/" HERALD_VERSION

/* Transport settings of one provider account; strings are borrowed for the exchange. */
struct http_options
{
    const char *ca_file;         /* PEM of extra trust anchors; NULL: the system's */
    const char *allow_addresses; /* CIDRs, comma-separated, exempt from public_addresses, or NULL */
    bool allow_http;             /* cleartext http:// and smtp:// without STARTTLS */
    int64_t connect_timeout_ms;
    int64_t total_timeout_ms;
    int64_t idle_max_s; /* reuse of idle connections */
};

/* Called once per exchange, on the loop; the answer lives in the arena given at start. */
typedef void (*http_done_fn)(void *user, const struct wire_answer *answer);

/* max_streams: concurrent requests per connection; max_connections: per host. */
struct http *http_create(struct loop *loop, int max_streams, int max_connections);

/* Cancel what is in flight (no callbacks) and release everything. Not from inside a callback. */
void http_destroy(struct http *http);

/*
 * Start an exchange. request, options and arena must live until done is called. done is never
 * called from inside http_start().
 */
void http_start(struct http *http, const struct wire_request *request,
                const struct http_options *options, struct arena *arena, http_done_fn done,
                void *user);

/* Exchanges in flight. */
size_t http_in_flight(const struct http *http);

/*
 * Is this peer outside the public internet (private, loopback, link-local, multicast, mapped, …)?
 * sockaddr is a struct sockaddr of the given length. Used by the socket callback; exported for
 * tests.
 */
bool http_address_is_private(const void *sockaddr, size_t len);

#endif
