/*
 * A nonblocking connection, plain or TLS, with buffered output; the only sockets of the sandbox.
 *
 * A dead socket is closed at once, told to its owner (closed) and freed after the current callback.
 */
#ifndef SANDBOX_SOCK_H
#define SANDBOX_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/loop.h"
#include "sandbox/tls.h"

struct sock_net; /* what all connections share */
struct sock;
struct sock_listener;

struct sock_events
{
    void (*ready)(void *user); /* plain: at once; TLS: handshake done */
    void (*data)(void *user, const char *data, size_t len);
    void (*batch_end)(void *user); /* all that had arrived was handed out, or output drained */
    void (*closed)(void *user);    /* last call; the socket is gone */
};

/* before_write runs before bytes leave for any peer. */
struct sock_net *sock_net_create(struct loop *loop, void (*before_write)(void *), void *user);
/* Ends every connection, telling its owner, and frees everything but listeners. */
void sock_net_destroy(struct sock_net *net);

/*
 * Listen on "host:port" ("[::1]:0"); port 0 picks a free one between 20000 and 29999. accepted gets
 * each new descriptor (nonblocking, close-on-exec). NULL with *reterr static.
 */
struct sock_listener *sock_listen(struct sock_net *net, const char *address,
                                  void (*accepted)(void *user, int fd), void *user,
                                  const char **reterr);
int sock_listener_port(const struct sock_listener *listener);
void sock_listener_destroy(struct sock_listener *listener);

/* Takes ownership of fd. server NULL: plain. */
struct sock *sock_create(struct sock_net *net, int fd, struct tls_server *server,
                         const struct sock_events *events, void *user);

/* Switch a plain connection to TLS once its output has left. */
void sock_start_tls(struct sock *sock, struct tls_server *server);

/* Queue bytes; they leave with sock_flush(). */
void sock_write(struct sock *sock, const void *data, size_t len);
void sock_flush(struct sock *sock);

/* Queued bytes that have not left yet. */
size_t sock_queued(const struct sock *sock);

/* Close after the output has left; what still arrives is discarded. */
void sock_close(struct sock *sock);

/* Drop the output and send a TCP reset. */
void sock_reset(struct sock *sock);

/* Closed, closing or reset: nothing more should be done with it. */
bool sock_is_dead(const struct sock *sock);

bool sock_is_h2(const struct sock *sock);

#endif
