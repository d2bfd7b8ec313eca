/*
 * A connection that libcurl sets up: name, TCP, TLS, and for a mail server greeting, EHLO, STARTTLS
 * and AUTH. The bytes after that are the owner's. core/mail.c: libcurl itself would stop the whole
 * loop while it waits for the reply behind the final dot. core/http2.c: libcurl wakes every
 * transfer of a connection for each packet, and resends requests on its own.
 */
#ifndef CORE_HTTP_LINK_H
#define CORE_HTTP_LINK_H

#include <stddef.h>
#include <sys/types.h>

#include "core/http.h"

struct http_link;

enum http_link_result
{
    HTTP_LINK_UP,
    HTTP_LINK_FAILED,
    HTTP_LINK_FORBIDDEN, /* the URL or the peer's address is not allowed */
    HTTP_LINK_AUTH       /* AUTH or STARTTLS was refused */
};

struct http_link_events
{
    /* A line of a mail server's replies during set-up. */
    void (*line)(void *user, const char *line, size_t len);
    /* Set-up is over; error (a static sentence) unless it is up. The owner closes in any case. */
    void (*ready)(void *user, enum http_link_result result, const char *error);
};

/* Start; request and options are borrowed until ready, which is never called from in here. */
struct http_link *http_link_open(struct http *http, const struct wire_request *request,
                                 const struct http_options *options,
                                 const struct http_link_events *events, void *user);

/* Close at once; NULL is allowed. */
void http_link_close(struct http_link *link);

/* Was HTTP/2 chosen in the TLS handshake of an https link that is up? */
bool http_link_is_http2(const struct http_link *link);

/* The socket, for a watch of the owner's. */
int http_link_fd(const struct http_link *link);

/* Bytes moved, 0 when the socket is not ready, -1 when the connection is over. */
ssize_t http_link_send(struct http_link *link, const void *data, size_t len);
ssize_t http_link_receive(struct http_link *link, void *ret, size_t size);

#endif
