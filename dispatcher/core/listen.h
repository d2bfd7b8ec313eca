/* A small HTTP listener, on libwebsockets: GET and HEAD only, for metrics and health. */
#ifndef CORE_LISTEN_H
#define CORE_LISTEN_H

#include "core/buf.h"
#include "core/loop.h"

struct listener;

/* Fill body (ceiling 1 MB) and return the status; content type is text/plain unless changed. */
typedef int (*listen_handler_fn)(void *user, const char *path, struct buf *body,
                                 const char **content_type);

/*
 * address "127.0.0.1:9187" or "[::1]:9187": numeric, meant for loopback because there is neither
 * TLS nor authentication; port 0 takes any free one. NULL with *reterr when it cannot be bound.
 * Destroy the listener before the loop.
 */
struct listener *listen_create(struct loop *loop, const char *address, listen_handler_fn handler,
                               void *user, const char **reterr);
void listen_destroy(struct listener *listener);

/* The port that is listened to. */
int listen_port(const struct listener *listener);

#endif
