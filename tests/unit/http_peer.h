/*
 * A small server on the loop of the test, which counts what reaches it, and a client of
 * core/http.c. For the test programs of core/http.c and core/mail.c; each includes it once.
 */
#ifndef UNIT_HTTP_PEER_H
#define UNIT_HTTP_PEER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/http.h"
#include "core/loop.h"

#define PEER_MAX (8 * 1024 * 1024)

/* One connection at the server. */
struct peer
{
    struct peer *next;
    int fd;
    struct loop_watch *watch;
    struct buf in;
    struct buf out;
    size_t out_sent;
    int requests;
    bool closing; /* when all is sent */
    bool in_data; /* SMTP: between DATA and the dot */
};

typedef void (*script_fn)(struct peer *peer);

/* The server and what it saw. */
static struct
{
    int fd;
    int port;
    struct loop_watch *watch;
    struct peer *peers;
    script_fn on_input;   /* splits input into requests */
    script_fn on_request; /* HTTP: a whole request is in peer->in */
    int connections;
    int requests;
    char last[65536];        /* the last HTTP request, or all SMTP commands with blanks between */
    const char *smtp_refuse; /* answer this command word … */
    const char *smtp_answer; /* … with this; NULL closes the connection */
    const char *smtp_greeting;
    const char *smtp_ehlo;      /* the whole answer */
    const char *smtp_stale;     /* answers the second MAIL of a connection, which is then closed */
    const char *smtp_after_dot; /* sent behind the final 250, then close */
    char mail[65536];
} server;

static struct loop *loop;
static struct http *http;
static struct arena *arena;
static struct loop_timer *guard;
static const struct wire_answer *answer;
static int answers;
static struct http_options options;
static struct wire_request request;

/* ---- server ---- */

static inline void
peer_free(struct peer *peer)
{
    struct peer **link = &server.peers;

    while (*link != peer)
    {
        link = &(*link)->next;
    }
    *link = peer->next;
    loop_watch_destroy(peer->watch);
    close(peer->fd);
    buf_finish(&peer->in);
    buf_finish(&peer->out);
    free(peer);
}

static inline void
peer_send(struct peer *peer, const char *text)
{
    assert_true(buf_puts(&peer->out, text));
    loop_watch_set(peer->watch, LOOP_READ | LOOP_WRITE);
}

static inline void
peer_close(struct peer *peer)
{
    peer->closing = true;
    loop_watch_set(peer->watch, LOOP_READ | LOOP_WRITE);
}

static inline void
peer_reset(struct peer *peer)
{
    struct linger linger = { 1, 0 };

    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    peer_close(peer);
}

static inline void
peer_flush(struct peer *peer)
{
    while (peer->out_sent < peer->out.len)
    {
        ssize_t n = send(peer->fd, peer->out.data + peer->out_sent, peer->out.len - peer->out_sent,
                         MSG_NOSIGNAL);

        if (n < 0)
        {
            return;
        }
        peer->out_sent += (size_t) n;
    }
    if (peer->closing)
    {
        peer_free(peer);
        return;
    }
    loop_watch_set(peer->watch, LOOP_READ);
}

static inline void
on_peer(void *user, int events)
{
    struct peer *peer = user;
    char data[65536];

    if ((events & LOOP_READ) != 0)
    {
        ssize_t n = recv(peer->fd, data, sizeof(data), 0);

        if (n <= 0)
        {
            peer_free(peer);
            return;
        }
        buf_append(&peer->in, data, (size_t) n);
        server.on_input(peer);
    }
    if (peer->out_sent < peer->out.len || peer->closing)
    {
        peer_flush(peer);
    }
}

/* Collect whole HTTP requests; Content-Length is all that libcurl uses here. */
static inline void
on_http_input(struct peer *peer)
{
    char *end = strstr(peer->in.data, "\r\n\r\n");
    const char *length;
    size_t need;

    if (end == NULL)
    {
        return;
    }
    length = strcasestr(peer->in.data, "\r\ncontent-length:");
    need = (size_t) (end + 4 - peer->in.data) +
           (length != NULL ? (size_t) strtoul(length + 17, NULL, 10) : 0);
    if (peer->in.len < need)
    {
        return;
    }
    snprintf(server.last, sizeof(server.last), "%s", peer->in.data);
    buf_reset(&peer->in);
    peer->requests++;
    server.requests++;
    server.on_request(peer);
}

static inline void
append(char *text, size_t size, const char *line, const char *end)
{
    size_t len = strlen(text);

    snprintf(text + len, size - len, "%s%s", line, end);
}

/* SMTP: answer one line. */
static inline void
smtp_line(struct peer *peer, const char *line)
{
    size_t refuse = server.smtp_refuse != NULL ? strlen(server.smtp_refuse) : 0;

    if (peer->in_data)
    {
        append(server.mail, sizeof(server.mail), line, "\n");
    }
    else
    {
        append(server.last, sizeof(server.last), line, "|");
    }
    if (refuse > 0 && strncmp(line, server.smtp_refuse, refuse) == 0 &&
        (!peer->in_data || refuse == 1))
    {
        peer->in_data = false;
        if (server.smtp_answer == NULL)
        {
            peer_close(peer);
            return;
        }
        peer_send(peer, server.smtp_answer);
        return;
    }
    if (peer->in_data)
    {
        if (strcmp(line, ".") == 0)
        {
            peer->in_data = false;
            peer->requests++;
            server.requests++;
            peer_send(peer, "250 2.0.0 queued as 42\r\n");
            if (server.smtp_after_dot != NULL)
            {
                peer_send(peer, server.smtp_after_dot);
                peer_close(peer);
            }
        }
        return;
    }
    if (strncmp(line, "EHLO", 4) == 0)
    {
        peer_send(peer, server.smtp_ehlo);
    }
    else if (strncmp(line, "AUTH", 4) == 0)
    {
        peer_send(peer, strlen(line) > 12 ? "235 2.7.0 fine\r\n" : "334 \r\n");
    }
    else if (server.smtp_stale != NULL && peer->requests > 0 && strncmp(line, "MAIL", 4) == 0)
    {
        peer_send(peer, server.smtp_stale);
        peer_close(peer);
    }
    else if (strcmp(line, "DATA") == 0)
    {
        peer->in_data = true;
        peer_send(peer, "354 go on\r\n");
    }
    else if (strcmp(line, "QUIT") == 0)
    {
        peer_send(peer, "221 bye\r\n");
        peer_close(peer);
    }
    else
    {
        peer_send(peer, strncmp(line, "MAIL", 4) == 0 || strncmp(line, "RCPT", 4) == 0
                            ? "250 2.1.0 ok\r\n"
                            : "235 fine\r\n");
    }
}

static inline void
on_smtp_input(struct peer *peer)
{
    char *end;

    while ((end = strstr(peer->in.data, "\r\n")) != NULL)
    {
        struct buf rest;

        *end = '\0';
        smtp_line(peer, peer->in.data);
        buf_init(&rest, PEER_MAX);
        buf_puts(&rest, end + 2);
        buf_finish(&peer->in);
        peer->in = rest;
    }
}

static inline void
on_accept(void *user, int events)
{
    struct peer *peer = calloc(1, sizeof(*peer));

    (void) user;
    (void) events;
    peer->fd = accept4(server.fd, NULL, NULL, SOCK_NONBLOCK);
    assert_true(peer->fd >= 0);
    buf_init(&peer->in, PEER_MAX);
    buf_init(&peer->out, PEER_MAX);
    peer->next = server.peers;
    server.peers = peer;
    peer->watch = loop_watch_create(loop, peer->fd, LOOP_READ, on_peer, peer);
    server.connections++;
    if (server.on_input == on_smtp_input)
    {
        peer_send(peer, server.smtp_greeting);
    }
}

/* Listen on loopback, below the range of ephemeral ports. */
static inline void
server_start(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    int one = 1;

    memset(&server, 0, sizeof(server));
    server.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(server.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server.port = 20000 + (int) (getpid() % 10000);
    do
    {
        server.port = server.port < 32000 ? server.port + 1 : 20000;
        address.sin_port = htons((uint16_t) server.port);
    } while (bind(server.fd, (struct sockaddr *) &address, sizeof(address)) != 0);
    assert_int_equal(listen(server.fd, 64), 0);
    server.watch = loop_watch_create(loop, server.fd, LOOP_READ, on_accept, NULL);
    server.on_input = on_http_input;
}

static inline void
server_stop(void)
{
    if (server.fd < 0)
    {
        return;
    }
    while (server.peers != NULL)
    {
        peer_free(server.peers);
    }
    loop_watch_destroy(server.watch);
    close(server.fd);
    server.fd = -1;
}

/* ---- client ---- */

static inline void
on_guard(void *user)
{
    (void) user;
    loop_stop(loop);
}

static inline int
set_up(void **state)
{
    (void) state;
    loop = loop_create();
    http = http_create(loop, 100, 2);
    arena = arena_create();
    guard = loop_timer_create(loop, on_guard, NULL);
    server_start();
    options = (struct http_options){
        .allow_http = true, .connect_timeout_ms = 2000, .total_timeout_ms = 5000, .idle_max_s = 60
    };
    request = (struct wire_request){ .kind = WIRE_HTTP, .method = "POST" };
    request.url = arena_printf(arena, "http://127.0.0.1:%d/x", server.port);
    request.body = "hello";
    request.body_len = 5;
    answers = 0;
    return 0;
}

static inline int
tear_down(void **state)
{
    (void) state;
    http_destroy(http);
    server_stop();
    arena_destroy(arena);
    loop_destroy(loop);
    return 0;
}

static inline void
on_done(void *user, const struct wire_answer *got)
{
    int *left = user;

    answer = got;
    answers++;
    if (--*left == 0)
    {
        loop_stop(loop);
    }
}

/* Run `count` exchanges at once to their end; answer is the last one's. */
static inline void
exchange_many(int count)
{
    int left = count;

    answer = NULL;
    for (int i = 0; i < count; i++)
    {
        http_start(http, &request, &options, arena, on_done, &left);
    }
    assert_null(answer);
    loop_timer_start(guard, 10000, 0);
    loop_run(loop);
    loop_timer_stop(guard);
    assert_int_equal(left, 0);
    assert_int_equal(http_in_flight(http), 0);
}

static inline void
exchange(void)
{
    exchange_many(1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
