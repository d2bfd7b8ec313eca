/* Sockets on the event loop. */
#include "sandbox/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/crypto.h"
#include "core/mem.h"

enum
{
    READ_BYTES = 65536,
    OUT_BYTES_MAX = 256 * 1024 * 1024,
    LINGER_MS = 1000,
    PORT_FIRST = 20000,
    PORT_COUNT = 10000,
    PORT_TRIES = 200,
    BACKLOG = 1024
};

enum sock_state
{
    SOCK_HANDSHAKE,
    SOCK_OPEN,
    SOCK_CLOSING, /* output leaves, then lingering */
    SOCK_LINGER,  /* our side is shut; waiting for the peer's end */
    SOCK_DEAD
};

struct sock_net
{
    struct loop *loop;
    void (*before_write)(void *);
    void *user;
    struct sock *socks;
    char read_buffer[READ_BYTES];
};

struct sock
{
    struct sock_net *net;
    struct sock *next;
    struct sock **back; /* what points at this one */
    int fd;
    enum sock_state state;
    struct tls *tls;
    struct tls_server *start_tls; /* switch when the output has left */
    struct loop_watch *watch;
    struct loop_timer *timer; /* lingering, then the end */
    int watched;
    struct buf out;
    size_t sent;
    const struct sock_events *events;
    void *user;
};

struct sock_listener
{
    struct sock_net *net;
    int fd;
    int port;
    struct loop_watch *watch;
    void (*accepted)(void *user, int fd);
    void *user;
};

struct sock_net *
sock_net_create(struct loop *loop, void (*before_write)(void *), void *user)
{
    struct sock_net *net = mem_alloc(sizeof(*net));

    net->loop = loop;
    net->before_write = before_write;
    net->user = user;
    return net;
}

/* ---- listening ---- */

static void
on_accept(void *user, int events)
{
    struct sock_listener *listener = user;
    int fd;

    (void) events;
    while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
    {
        int on = 1;

        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        listener->accepted(listener->user, fd);
    }
}

/* Split "host:port" or "[host]:port". */
static bool
split_address(const char *address, char host[256], char port[8])
{
    const char *colon = strrchr(address, ':');
    size_t len;

    if (colon == NULL || strlen(colon + 1) == 0 || strlen(colon + 1) > 5)
    {
        return false;
    }
    len = (size_t) (colon - address);
    if (len >= 2 && address[0] == '[' && colon[-1] == ']')
    {
        address++;
        len -= 2;
    }
    if (len == 0 || len >= 256)
    {
        return false;
    }
    memcpy(host, address, len);
    host[len] = '\0';
    memcpy(port, colon + 1, strlen(colon + 1) + 1);
    return strspn(port, "0123456789") == strlen(port);
}

static void
set_port(struct sockaddr *address, int port)
{
    if (address->sa_family == AF_INET6)
    {
        ((struct sockaddr_in6 *) (void *) address)->sin6_port = htons((uint16_t) port);
    }
    else
    {
        ((struct sockaddr_in *) (void *) address)->sin_port = htons((uint16_t) port);
    }
}

/* A bound and listening descriptor, or -1. */
static int
bind_one(const struct addrinfo *info, int port)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_storage address;
    int on = 1;

    if (fd < 0)
    {
        return -1;
    }
    memcpy(&address, info->ai_addr, info->ai_addrlen);
    set_port((struct sockaddr *) &address, port);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *) &address, info->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0)
    {
        close(fd);
        return -1;
    }
    return fd;
}

static int
bind_any(const struct addrinfo *info, int *ret_port)
{
    for (int i = 0; i < PORT_TRIES; i++)
    {
        uint32_t random;
        int fd;

        crypto_random(&random, sizeof(random));
        *ret_port = PORT_FIRST + (int) (random % PORT_COUNT);
        fd = bind_one(info, *ret_port);
        if (fd >= 0 || errno != EADDRINUSE)
        {
            return fd;
        }
    }
    return -1;
}

struct sock_listener *
sock_listen(struct sock_net *net, const char *address, void (*accepted)(void *user, int fd),
            void *user, const char **reterr)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
    struct addrinfo *info;
    struct sock_listener *listener;
    char host[256];
    char port_text[8];
    int port;
    int fd;

    if (!split_address(address, host, port_text) ||
        getaddrinfo(host, port_text, &hints, &info) != 0)
    {
        *reterr = "not an address of the form host:port";
        return NULL;
    }
    port = (int) strtol(port_text, NULL, 10);
    fd = port != 0 ? bind_one(info, port) : bind_any(info, &port);
    freeaddrinfo(info);
    if (fd < 0)
    {
        *reterr = "the address cannot be bound";
        return NULL;
    }
    listener = mem_alloc(sizeof(*listener));
    listener->net = net;
    listener->fd = fd;
    listener->port = port;
    listener->accepted = accepted;
    listener->user = user;
    listener->watch = loop_watch_create(net->loop, fd, LOOP_READ, on_accept, listener);
    return listener;
}

int
sock_listener_port(const struct sock_listener *listener)
{
    return listener->port;
}

void
sock_listener_destroy(struct sock_listener *listener)
{
    if (listener == NULL)
    {
        return;
    }
    loop_watch_destroy(listener->watch);
    close(listener->fd);
    free(listener);
}

/* ---- one connection ---- */

static void
watch(struct sock *sock, int events)
{
    if (sock->watch != NULL && sock->watched != events)
    {
        loop_watch_set(sock->watch, events);
        sock->watched = events;
    }
}

/* Close the descriptor now; the owner hears of it, and memory goes, in the next iteration. */
static void
die(struct sock *sock)
{
    if (sock->state == SOCK_DEAD)
    {
        return;
    }
    sock->state = SOCK_DEAD;
    loop_watch_destroy(sock->watch);
    sock->watch = NULL;
    tls_destroy(sock->tls);
    sock->tls = NULL;
    close(sock->fd);
    loop_timer_start(sock->timer, 0, 0);
}

static void
release(struct sock *sock)
{
    loop_timer_destroy(sock->timer);
    *sock->back = sock->next;
    if (sock->next != NULL)
    {
        sock->next->back = sock->back;
    }
    sock->events->closed(sock->user);
    buf_finish(&sock->out);
    free(sock);
}

static void
on_timer(void *user)
{
    struct sock *sock = user;

    if (sock->state != SOCK_DEAD)
    {
        die(sock);
        return;
    }
    release(sock);
}

void
sock_net_destroy(struct sock_net *net)
{
    if (net == NULL)
    {
        return;
    }
    while (net->socks != NULL)
    {
        struct sock *sock = net->socks;

        die(sock);
        release(sock);
    }
    free(net);
}

static void
linger(struct sock *sock)
{
    if (sock->tls != NULL)
    {
        tls_shutdown(sock->tls);
    }
    shutdown(sock->fd, SHUT_WR);
    sock->state = SOCK_LINGER;
    watch(sock, LOOP_READ);
    loop_timer_start(sock->timer, LINGER_MS, 0);
}

static void
handshake(struct sock *sock)
{
    enum tls_result result = tls_handshake(sock->tls);

    if (result == TLS_WANT_READ || result == TLS_WANT_WRITE)
    {
        watch(sock, result == TLS_WANT_WRITE ? LOOP_READ | LOOP_WRITE : LOOP_READ);
        return;
    }
    if (result != TLS_DONE)
    {
        die(sock);
        return;
    }
    sock->state = SOCK_OPEN;
    watch(sock, LOOP_READ);
    sock->events->ready(sock->user);
}

/* Read once: > 0 bytes, 0 nothing now, -1 the end. */
static ssize_t
read_some(struct sock *sock, char *data, size_t size)
{
    ssize_t got;
    size_t len;

    if (sock->tls != NULL)
    {
        switch (tls_read(sock->tls, data, size, &len))
        {
            case TLS_DONE:
                return (ssize_t) len;
            case TLS_WANT_READ:
            case TLS_WANT_WRITE:
                return 0;
            default:
                return -1;
        }
    }
    do
    {
        got = recv(sock->fd, data, size, 0);
    } while (got < 0 && errno == EINTR);
    if (got > 0)
    {
        return got;
    }
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : -1;
}

static void
read_all(struct sock *sock)
{
    char *data = sock->net->read_buffer;
    ssize_t got;

    while (sock->state != SOCK_DEAD && (got = read_some(sock, data, READ_BYTES)) != 0)
    {
        if (got < 0)
        {
            die(sock);
            return;
        }
        if (sock->state == SOCK_OPEN)
        {
            sock->events->data(sock->user, data, (size_t) got);
        }
        if (sock->start_tls != NULL || sock->state == SOCK_HANDSHAKE)
        {
            return;
        }
    }
    if (sock->state == SOCK_OPEN)
    {
        sock->events->batch_end(sock->user);
    }
}

static void
on_event(void *user, int events)
{
    struct sock *sock = user;

    if (sock->state == SOCK_HANDSHAKE)
    {
        handshake(sock);
        if (sock->state != SOCK_OPEN)
        {
            return;
        }
        events |= LOOP_READ; /* the peer's first bytes may be buffered already */
    }
    if ((events & LOOP_WRITE) != 0 && sock->state != SOCK_DEAD)
    {
        sock_flush(sock);
        if (sock->state == SOCK_OPEN && sock_queued(sock) == 0)
        {
            sock->events->batch_end(sock->user);
        }
    }
    if ((events & LOOP_READ) != 0 && sock->state != SOCK_DEAD)
    {
        read_all(sock);
    }
}

struct sock *
sock_create(struct sock_net *net, int fd, struct tls_server *server,
            const struct sock_events *events, void *user)
{
    struct sock *sock = mem_alloc(sizeof(*sock));

    sock->net = net;
    sock->next = net->socks;
    if (sock->next != NULL)
    {
        sock->next->back = &sock->next;
    }
    sock->back = &net->socks;
    net->socks = sock;
    sock->fd = fd;
    sock->events = events;
    sock->user = user;
    sock->tls = server != NULL ? tls_create(server, fd) : NULL;
    sock->state = server != NULL ? SOCK_HANDSHAKE : SOCK_OPEN;
    buf_init(&sock->out, OUT_BYTES_MAX);
    sock->watched = LOOP_READ;
    sock->watch = loop_watch_create(net->loop, fd, LOOP_READ, on_event, sock);
    sock->timer = loop_timer_create(net->loop, on_timer, sock);
    return sock;
}

void
sock_start_tls(struct sock *sock, struct tls_server *server)
{
    sock->start_tls = server;
    sock_flush(sock);
}

void
sock_write(struct sock *sock, const void *data, size_t len)
{
    if (sock->state == SOCK_OPEN)
    {
        buf_append(&sock->out, data, len);
    }
}

/* Write once: bytes taken, 0 not now, -1 broken. */
static ssize_t
write_some(struct sock *sock)
{
    const char *data = sock->out.data + sock->sent;
    size_t left = sock->out.len - sock->sent;
    ssize_t put;
    size_t len;

    if (sock->tls != NULL)
    {
        switch (tls_write(sock->tls, data, left, &len))
        {
            case TLS_DONE:
                return (ssize_t) len;
            case TLS_WANT_READ:
            case TLS_WANT_WRITE:
                return 0;
            default:
                return -1;
        }
    }
    do
    {
        put = send(sock->fd, data, left, MSG_NOSIGNAL);
    } while (put < 0 && errno == EINTR);
    if (put >= 0)
    {
        return put;
    }
    return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
}

/* All output has left. */
static void
drained(struct sock *sock)
{
    buf_reset(&sock->out);
    sock->sent = 0;
    watch(sock, LOOP_READ);
    if (sock->start_tls != NULL)
    {
        sock->tls = tls_create(sock->start_tls, sock->fd);
        sock->start_tls = NULL;
        sock->state = SOCK_HANDSHAKE;
    }
    else if (sock->state == SOCK_CLOSING)
    {
        linger(sock);
    }
}

void
sock_flush(struct sock *sock)
{
    if (sock->state != SOCK_OPEN && sock->state != SOCK_CLOSING)
    {
        return;
    }
    if (sock->sent < sock->out.len && sock->net->before_write != NULL)
    {
        sock->net->before_write(sock->net->user);
    }
    while (sock->sent < sock->out.len)
    {
        ssize_t put = write_some(sock);

        if (put < 0)
        {
            die(sock);
            return;
        }
        if (put == 0)
        {
            watch(sock, LOOP_READ | LOOP_WRITE);
            return;
        }
        sock->sent += (size_t) put;
    }
    drained(sock);
}

size_t
sock_queued(const struct sock *sock)
{
    return sock->out.len - sock->sent;
}

void
sock_close(struct sock *sock)
{
    if (sock->state == SOCK_HANDSHAKE)
    {
        die(sock);
    }
    if (sock->state != SOCK_OPEN)
    {
        return;
    }
    sock->state = SOCK_CLOSING;
    sock_flush(sock);
}

void
sock_reset(struct sock *sock)
{
    struct linger hard = { .l_onoff = 1, .l_linger = 0 };

    if (sock->state == SOCK_DEAD)
    {
        return;
    }
    setsockopt(sock->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    die(sock);
}

bool
sock_is_dead(const struct sock *sock)
{
    return sock->state != SOCK_OPEN && sock->state != SOCK_HANDSHAKE;
}

bool
sock_is_h2(const struct sock *sock)
{
    return sock->tls != NULL && tls_is_h2(sock->tls);
}
