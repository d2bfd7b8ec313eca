/* core/http.c end to end, against small servers on the same loop that count what reaches them. */
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

static void
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

static void
peer_send(struct peer *peer, const char *text)
{
    assert_true(buf_puts(&peer->out, text));
    loop_watch_set(peer->watch, LOOP_READ | LOOP_WRITE);
}

static void
peer_close(struct peer *peer)
{
    peer->closing = true;
    loop_watch_set(peer->watch, LOOP_READ | LOOP_WRITE);
}

static void
peer_reset(struct peer *peer)
{
    struct linger linger = { 1, 0 };

    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    peer_close(peer);
}

static void
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

static void
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
static void
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

static void
append(char *text, size_t size, const char *line, const char *end)
{
    size_t len = strlen(text);

    snprintf(text + len, size - len, "%s%s", line, end);
}

/* SMTP: answer one line. */
static void
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

static void
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

static void
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
static void
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

static void
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

static void
on_guard(void *user)
{
    (void) user;
    loop_stop(loop);
}

static int
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

static int
tear_down(void **state)
{
    (void) state;
    http_destroy(http);
    server_stop();
    arena_destroy(arena);
    loop_destroy(loop);
    return 0;
}

static void
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
static void
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

static void
exchange(void)
{
    exchange_many(1);
}

/* ---- HTTP ---- */

static void
answer_ok(struct peer *peer)
{
    peer_send(peer,
              "HTTP/1.1 201 Created\r\nX-One: a\r\nX-TWO:  b c \r\nContent-Length: 3\r\n\r\nyes");
}

static void
test_plain(void **state)
{
    (void) state;
    server.on_request = answer_ok;
    assert_true(wire_add_header(&request, "X-Mine", "v"));
    assert_true(wire_add_header(&request, "X-Empty", ""));
    exchange();
    assert_int_equal(answer->result, WIRE_ANSWERED);
    assert_null(answer->error);
    assert_int_equal(answer->status, 201);
    assert_string_equal(answer->body, "yes");
    assert_int_equal(answer->body_len, 3);
    assert_false(answer->body_truncated);
    assert_string_equal(wire_answer_header(answer, "x-one"), "a");
    assert_string_equal(wire_answer_header(answer, "x-two"), "b c");
    assert_int_equal(answer->retry_after_s, -1);
    assert_true(answer->latency_us > 0);
    assert_int_equal(strncmp(server.last, "POST /x HTTP/1.1\r\n", 18), 0);
    assert_non_null(strstr(server.last, "\r\nX-Mine: v\r\n"));
    assert_non_null(strstr(server.last, "\r\nX-Empty:\r\n"));
    assert_non_null(strstr(server.last, "\r\n\r\nhello"));
    assert_null(strcasestr(server.last, "\r\nexpect:"));
    assert_null(strcasestr(server.last, "\r\ncontent-type:"));
    assert_null(strcasestr(server.last, "chunked"));
}

static void
test_methods_and_credentials(void **state)
{
    (void) state;
    server.on_request = answer_ok;
    request.method = "PUT";
    request.username = "user";
    request.password = "pass";
    exchange();
    assert_int_equal(strncmp(server.last, "PUT /x ", 7), 0);
    assert_non_null(strstr(server.last, "\r\nAuthorization: Basic dXNlcjpwYXNz\r\n"));
    request.method = "GET";
    request.username = NULL;
    exchange();
    assert_int_equal(strncmp(server.last, "GET /x ", 7), 0);
    assert_null(strstr(server.last, "Authorization"));
    assert_int_equal(server.connections, 1);
}

static void
test_connection_reuse(void **state)
{
    (void) state;
    server.on_request = answer_ok;
    for (int i = 0; i < 5; i++)
    {
        exchange();
    }
    assert_int_equal(server.connections, 1);
    request.fresh_connection = true;
    exchange();
    assert_int_equal(server.connections, 2);
    assert_int_equal(server.requests, 6);
}

static void
test_many_at_once(void **state)
{
    (void) state;
    server.on_request = answer_ok;
    exchange_many(50);
    assert_int_equal(server.requests, 50);
    assert_int_equal(answers, 50);
    assert_true(server.connections <= 2);
}

/* The first request of a connection is answered; how the second ends is the scenario. */
static script_fn second_request;

static void
answer_first_only(struct peer *peer)
{
    if (peer->requests == 1)
    {
        answer_ok(peer);
        return;
    }
    second_request(peer);
}

static void
answer_garbage(struct peer *peer)
{
    peer_send(peer, "x");
    peer_close(peer);
}

static void
test_never_sent_twice(void **state)
{
    static const script_fn ends[] = { peer_close, peer_reset, answer_garbage };

    (void) state;
    server.on_request = answer_first_only;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
    {
        request.fresh_connection = true;
        exchange();
        assert_int_equal(answer->status, 201);
        server.requests = 0;
        second_request = ends[i];
        request.fresh_connection = false;
        exchange();
        assert_int_equal(server.requests, 1);
        assert_int_equal(answer->result, WIRE_AMBIGUOUS);
        assert_int_equal(answer->status, 0);
        assert_non_null(answer->error);
    }
}

/* Without a body there is nothing to rewind, which is what stops libcurl elsewhere. */
static void
test_empty_body_never_sent_twice(void **state)
{
    (void) state;
    server.on_request = answer_first_only;
    second_request = peer_close;
    request.body_len = 0;
    exchange();
    assert_int_equal(answer->status, 201);
    server.requests = 0;
    exchange();
    exchange();
    assert_int_equal(server.requests, 2);
}

static void
test_first_request_without_answer(void **state)
{
    static const script_fn ends[] = { peer_close, peer_reset, answer_garbage };

    (void) state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
    {
        server.on_request = ends[i];
        server.requests = 0;
        exchange();
        assert_int_equal(server.requests, 1);
        assert_int_equal(answer->result, WIRE_AMBIGUOUS);
    }
}

static void
answer_large(struct peer *peer)
{
    static char chunk[100001];

    peer_send(peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    memset(chunk, 'x', 100000);
    for (int i = 0; i < 20; i++)
    {
        peer_send(peer, "186a0\r\n");
        peer_send(peer, chunk);
        peer_send(peer, "\r\n");
    }
    peer_send(peer, "0\r\n\r\n");
}

static void
answer_medium(struct peer *peer)
{
    static char body[100001];

    memset(body, 'x', 100000);
    peer_send(peer, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    peer_send(peer, body);
}

static void
test_body_ceiling(void **state)
{
    (void) state;
    server.on_request = answer_medium;
    exchange();
    assert_int_equal(answer->result, WIRE_ANSWERED);
    assert_int_equal(answer->status, 200);
    assert_int_equal(answer->body_len, WIRE_ANSWER_BODY_MAX);
    assert_true(answer->body_truncated);
    exchange();
    assert_int_equal(server.connections, 1); /* read to its end, so still usable */
    server.on_request = answer_large;
    exchange();
    assert_int_equal(answer->result, WIRE_ANSWERED);
    assert_int_equal(answer->status, 200);
    assert_int_equal(answer->body_len, WIRE_ANSWER_BODY_MAX);
    assert_true(answer->body_truncated);
}

static void
answer_cut(struct peer *peer)
{
    peer_send(peer, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    peer_close(peer);
}

static void
answer_stuck(struct peer *peer)
{
    peer_send(peer, "HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\nhalf");
}

static void
test_status_decides(void **state)
{
    (void) state;
    server.on_request = answer_cut;
    exchange();
    assert_int_equal(answer->result, WIRE_ANSWERED);
    assert_int_equal(answer->status, 200);
    assert_string_equal(answer->body, "half");
    assert_true(answer->body_truncated);
    server.on_request = answer_stuck;
    options.total_timeout_ms = 200;
    exchange();
    assert_int_equal(answer->result, WIRE_ANSWERED);
    assert_int_equal(answer->status, 202);
    assert_true(answer->body_truncated);
}

static void
answer_nul(struct peer *peer)
{
    peer_send(peer, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\na");
    buf_append(&peer->out, "\0\xff", 2);
    peer_send(peer, "bc");
}

static void
test_binary_body(void **state)
{
    (void) state;
    server.on_request = answer_nul;
    exchange();
    assert_int_equal(answer->body_len, 5);
    assert_memory_equal(answer->body,
                        "a\0\xff"
                        "bc",
                        6);
}

static void
answer_interim(struct peer *peer)
{
    peer_send(peer, "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\nRetry-After: 9\r\n\r\n");
    answer_ok(peer);
}

static void
answer_redirect(struct peer *peer)
{
    peer_send(peer, "HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n");
}

static void
answer_many_headers(struct peer *peer)
{
    char line[64];

    peer_send(peer, "HTTP/1.1 429 Slow\r\n");
    for (int i = 0; i < 50; i++)
    {
        snprintf(line, sizeof(line), "X-H%d: %d\r\n", i, i);
        peer_send(peer, line);
    }
    peer_send(peer, "Retry-After: 7\r\nContent-Length: 0\r\n\r\n");
}

static void
test_headers(void **state)
{
    (void) state;
    server.on_request = answer_interim;
    exchange();
    assert_int_equal(answer->status, 201);
    assert_null(wire_answer_header(answer, "x-early"));
    assert_int_equal(answer->retry_after_s, -1);
    server.on_request = answer_redirect;
    server.requests = 0;
    exchange();
    assert_int_equal(answer->status, 302);
    assert_int_equal(server.requests, 1);
    server.on_request = answer_many_headers;
    exchange();
    assert_int_equal(answer->status, 429);
    assert_int_equal(answer->header_count, WIRE_HEADERS_MAX);
    assert_string_equal(wire_answer_header(answer, "x-h31"), "31");
    assert_int_equal(answer->retry_after_s, 7);
}

static const char *retry_after;

static void
answer_retry_after(struct peer *peer)
{
    peer_send(peer, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: ");
    peer_send(peer, retry_after);
    peer_send(peer, "\r\n\r\n");
}

static void
test_retry_after(void **state)
{
    static const struct
    {
        const char *value;
        int64_t least;
        int64_t most;
    } cases[] = {
        { "0", 0, 0 },
        { "120", 120, 120 },
        { "99999999999999999999", 1000000000, 1000000000 },
        { "-5", -1, 0 },
        { "soon", -1, -1 },
        { "", -1, -1 },
        { "Wed, 21 Oct 2015 07:28:00 GMT", 0, 0 },
        { "Thu, 01 Jan 1970 00:00:00 GMT", 0, 0 },
    };
    char future[64];
    time_t at = time(NULL) + 300;
    struct tm tm;

    (void) state;
    server.on_request = answer_retry_after;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    {
        retry_after = cases[i].value;
        exchange();
        if (answer->retry_after_s < cases[i].least || answer->retry_after_s > cases[i].most)
        {
            fail_msg("\"%s\" became %lld", retry_after, (long long) answer->retry_after_s);
        }
    }
    gmtime_r(&at, &tm);
    strftime(future, sizeof(future), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    retry_after = future;
    exchange();
    assert_in_range(answer->retry_after_s, 295, 300);
}

static void
answer_nothing(struct peer *peer)
{
    (void) peer;
}

static void
test_timeout_after_upload(void **state)
{
    (void) state;
    server.on_request = answer_nothing;
    options.total_timeout_ms = 200;
    exchange();
    assert_int_equal(answer->result, WIRE_AMBIGUOUS);
    assert_int_equal(server.requests, 1);
}

static void
never_read(struct peer *peer)
{
    loop_watch_set(peer->watch, 0);
}

static void
test_timeout_during_upload(void **state)
{
    size_t len = 32 * 1024 * 1024;
    char *body = calloc(1, len);

    (void) state;
    server.on_input = never_read;
    request.body = body;
    request.body_len = len;
    options.total_timeout_ms = 300;
    exchange();
    assert_int_equal(answer->result, WIRE_NOT_SENT);
    free(body);
}

static void
test_not_sent(void **state)
{
    (void) state;
    server_stop();
    exchange();
    assert_int_equal(answer->result, WIRE_NOT_SENT);
    assert_null(strstr(answer->error, "127.0.0.1"));
    request.url = "http://name.invalid/";
    exchange();
    assert_int_equal(answer->result, WIRE_NOT_SENT);
}

static void
test_tls_failure_is_not_sent(void **state)
{
    (void) state;
    server.on_input = answer_garbage;
    request.url = arena_printf(arena, "https://127.0.0.1:%d/x", server.port);
    exchange();
    assert_int_equal(answer->result, WIRE_NOT_SENT);
}

static void
test_urls_refused(void **state)
{
    static const char *const urls[] = {
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "dict://127.0.0.1/",
        "",
        "127.0.0.1",
        "smtp://127.0.0.1/",
        "http://",
        "http://a b/",
    };

    (void) state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
    {
        request.url = urls[i];
        exchange();
        assert_int_equal(answer->result, WIRE_FORBIDDEN);
        assert_non_null(answer->error);
    }
    options.allow_http = false;
    request.url = arena_printf(arena, "http://127.0.0.1:%d/x", server.port);
    exchange();
    assert_int_equal(answer->result, WIRE_FORBIDDEN);
    assert_int_equal(server.connections, 0);
}

static void
test_header_injection(void **state)
{
    (void) state;
    request.headers[0] = (struct wire_header){ "x", "a\r\ny: b" };
    request.header_count = 1;
    exchange();
    assert_int_equal(answer->result, WIRE_FORBIDDEN);
    request.headers[0] = (struct wire_header){ "x\r\ny", "a" };
    exchange();
    assert_int_equal(answer->result, WIRE_FORBIDDEN);
    assert_int_equal(server.connections, 0);
}

/* All spellings of loopback that libcurl knows, and the name. */
static void
test_private_peers(void **state)
{
    static const char *const hosts[] = {
        "127.0.0.1",  "localhost", "2130706433",         "0x7f.1",     "127.1",
        "0177.0.0.1", "0",         "[::ffff:127.0.0.1]", "0x7f000001", "127.0.0.1."
    };

    (void) state;
    server.on_request = answer_ok;
    request.public_addresses = true;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
    {
        request.url = arena_printf(arena, "http://%s:%d/x", hosts[i], server.port);
        exchange();
        if (answer->result == WIRE_ANSWERED)
        {
            fail_msg("%s was reached", hosts[i]);
        }
    }
    assert_int_equal(server.connections, 0);
    request.url = arena_printf(arena, "http://127.0.0.1:%d/x", server.port);
    exchange();
    assert_int_equal(answer->result, WIRE_FORBIDDEN);
    options.allow_addresses = "10.0.0.0/8,127.0.0.0/8";
    exchange();
    assert_int_equal(answer->result, WIRE_ANSWERED);
}

/* A connection that another account opened is no way around. */
static void
test_private_peer_by_reuse(void **state)
{
    (void) state;
    server.on_request = answer_ok;
    exchange();
    assert_int_equal(answer->result, WIRE_ANSWERED);
    request.public_addresses = true;
    exchange();
    assert_int_equal(answer->result, WIRE_FORBIDDEN);
    assert_int_equal(server.requests, 1);
}

static void
test_http2_required(void **state)
{
    (void) state;
    server.on_request = answer_ok;
    request.http2_required = true;
    exchange();
    assert_int_equal(answer->result, WIRE_NOT_HTTP2);
    assert_int_equal(answer->status, 201);
}

static void
test_destroy_in_flight(void **state)
{
    int left = 3;

    (void) state;
    server.on_request = answer_nothing;
    for (int i = 0; i < 3; i++)
    {
        http_start(http, &request, &options, arena, on_done, &left);
    }
    request.url = "ftp://x/";
    http_start(http, &request, &options, arena, on_done, &left);
    assert_int_equal(http_in_flight(http), 4);
    loop_timer_start(guard, 50, 0);
    loop_run(loop);
    assert_int_equal(answers, 1);
}

/* ---- SMTP ---- */

static void
use_mail(void)
{
    server.on_input = on_smtp_input;
    server.smtp_greeting = "220-first\r\n220 second\r\n";
    server.smtp_ehlo = "250-there\r\n250-AUTH PLAIN\r\n250 SIZE 1000000\r\n";
    request = (struct wire_request){ .kind = WIRE_MAIL };
    request.url = arena_printf(arena, "smtp://127.0.0.1:%d/client.example", server.port);
    request.mail_from = "sender@example.org";
    request.mail_to = "rcpt@example.org";
    request.body = "Subject: x\r\n\r\nline\r\n.dot\r\n";
    request.body_len = strlen(request.body);
}

static void
test_mail(void **state)
{
    (void) state;
    use_mail();
    request.username = "user";
    request.password = "pass";
    exchange();
    assert_int_equal(answer->result, WIRE_ANSWERED);
    assert_int_equal(answer->status, 250);
    assert_int_equal(answer->stage, SMTP_DATA);
    assert_string_equal(answer->smtp_text, "2.0.0 queued as 42");
    assert_non_null(strstr(server.last, "EHLO client.example|AUTH PLAIN"));
    assert_non_null(strstr(server.last, "|MAIL FROM:<sender@example.org> SIZE="));
    assert_non_null(strstr(server.last, "|RCPT TO:<rcpt@example.org>|DATA|"));
    assert_string_equal(server.mail, "Subject: x\n\nline\n..dot\n.\n");
    server.last[0] = '\0';
    request.mail_from = "";
    exchange();
    assert_int_equal(answer->status, 250);
    assert_int_equal(answer->stage, SMTP_DATA);
    assert_int_equal(server.connections, 1);
    assert_int_equal(strncmp(server.last, "MAIL FROM:<> ", 13), 0);
}

static void
test_mail_refused(void **state)
{
    static const struct
    {
        const char *command;
        const char *answer;
        enum smtp_stage stage;
        int status;
        const char *text;
    } cases[] = {
        { "MAIL", "451 4.3.0 later\r\n", SMTP_MAIL, 451, "4.3.0 later" },
        { "RCPT", "550-5.1.1 no\r\n550 5.1.1 mailbox\r\n", SMTP_RCPT, 550,
          "5.1.1 no 5.1.1 mailbox" },
        { "RCPT", "450 4.2.0 greylisted\r\n", SMTP_RCPT, 450, "4.2.0 greylisted" },
        { "DATA", "554 no\r\n", SMTP_DATA, 554, "no" },
        { ".", "554 5.7.1 spam\r\n", SMTP_DATA, 554, "5.7.1 spam" },
        { ".", "452 full\r\n", SMTP_DATA, 452, "full" },
    };

    (void) state;
    use_mail();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    {
        /* On a new connection, then on a reused one. */
        server.smtp_refuse = NULL;
        request.fresh_connection = true;
        exchange();
        assert_int_equal(answer->status, 250);
        server.smtp_refuse = cases[i].command;
        server.smtp_answer = cases[i].answer;
        for (int fresh = 0; fresh <= 1; fresh++)
        {
            request.fresh_connection = fresh == 1;
            exchange();
            assert_int_equal(answer->result, WIRE_ANSWERED);
            assert_int_equal(answer->status, cases[i].status);
            assert_int_equal(answer->stage, cases[i].stage);
            assert_string_equal(answer->smtp_text, cases[i].text);
        }
    }
}

static void
test_mail_connect_refused(void **state)
{
    (void) state;
    use_mail();
    request.username = "user";
    request.password = "wrong";
    server.smtp_refuse = "AUTH";
    server.smtp_answer = "535 5.7.8 bad credentials\r\n";
    exchange();
    assert_int_equal(answer->result, WIRE_AUTH_FAILED);
    assert_int_equal(answer->status, 535);
    assert_int_equal(answer->stage, SMTP_CONNECT);
    assert_null(strstr(server.last, "MAIL"));
    server.smtp_refuse = NULL;
    request.username = NULL;
    request.starttls = true; /* which the server does not offer */
    exchange();
    assert_int_equal(answer->result, WIRE_AUTH_FAILED);
    request.starttls = false;
    server.smtp_greeting = "421 4.3.2 too busy\r\n";
    exchange();
    assert_int_equal(answer->result, WIRE_ANSWERED);
    assert_int_equal(answer->stage, SMTP_CONNECT);
    assert_int_equal(answer->status, 421);
    assert_string_equal(answer->smtp_text, "4.3.2 too busy");
}

/* Refused or not, a connection is used again, and there are never more than allowed. */
static void
test_mail_connections(void **state)
{
    (void) state;
    use_mail();
    exchange_many(20);
    assert_int_equal(answer->status, 250);
    assert_int_equal(server.requests, 20);
    assert_int_equal(server.connections, 2);
    server.smtp_refuse = "RCPT";
    server.smtp_answer = "550 5.1.1 no\r\n";
    exchange_many(5);
    assert_int_equal(answer->status, 550);
    server.smtp_refuse = NULL;
    exchange_many(5);
    assert_int_equal(answer->status, 250);
    assert_int_equal(server.connections, 2);
    assert_non_null(strstr(server.last, "|RSET|"));
    /* Other credentials, other connection. */
    request.username = "user";
    request.password = "pass";
    exchange();
    assert_int_equal(server.connections, 3);
    assert_int_equal(answer->status, 250);
}

static void
test_mail_beyond_ascii(void **state)
{
    (void) state;
    use_mail();
    request.mail_to = "j\xc3\xb6rg@example.org";
    exchange();
    assert_int_equal(answer->result, WIRE_FORBIDDEN);
    assert_null(strstr(server.last, "MAIL"));
    server.smtp_ehlo = "250-there\r\n250 SMTPUTF8\r\n";
    exchange();
    assert_int_equal(answer->status, 250);
    assert_non_null(strstr(server.last, "MAIL FROM:<sender@example.org> SMTPUTF8|"));
}

/* A reply in pieces, and replies that are none. */
static void
test_mail_nonsense(void **state)
{
    static const char *const replies[] = { "hello\r\n", "150 what\r\n", "250 ok\r\n250 ok\r\n",
                                           "999999\r\n" };

    (void) state;
    use_mail();
    server.smtp_refuse = "DATA";
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++)
    {
        server.smtp_answer = replies[i];
        exchange();
        assert_int_equal(answer->result, WIRE_NOT_SENT);
        assert_int_equal(server.requests, 0);
    }
    server.smtp_refuse = ".";
    server.smtp_answer = "what?\r\n";
    exchange();
    assert_int_equal(answer->result, WIRE_AMBIGUOUS);
}

static void
test_mail_destroy_in_flight(void **state)
{
    int left = 5;

    (void) state;
    use_mail();
    server.smtp_refuse = "DATA";
    server.smtp_answer = "";
    for (int i = 0; i < 5; i++)
    {
        http_start(http, &request, &options, arena, on_done, &left);
    }
    assert_int_equal(http_in_flight(http), 5);
    loop_timer_start(guard, 50, 0);
    loop_run(loop);
    assert_int_equal(answers, 0);
}

static void
test_mail_cut(void **state)
{
    static const struct
    {
        const char *command;
        enum wire_result result;
    } cases[] = {
        { "EHLO", WIRE_NOT_SENT }, { "MAIL", WIRE_NOT_SENT }, { "RCPT", WIRE_NOT_SENT },
        { "DATA", WIRE_NOT_SENT }, { ".", WIRE_AMBIGUOUS },
    };

    (void) state;
    use_mail();
    server.smtp_answer = NULL;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    {
        server.smtp_refuse = cases[i].command;
        exchange();
        assert_int_equal(answer->result, cases[i].result);
        assert_non_null(answer->error);
    }
}

static void
test_mail_timeout(void **state)
{
    (void) state;
    use_mail();
    options.total_timeout_ms = 300;
    server.smtp_answer = "";
    server.smtp_refuse = "RCPT";
    exchange();
    assert_int_equal(answer->result, WIRE_NOT_SENT);
    server.smtp_refuse = ".";
    exchange();
    assert_int_equal(answer->result, WIRE_AMBIGUOUS);
    assert_int_equal(answer->status, 354);
}

/* A server that says 421 to an idle connection: the next mail goes out once, over a new one. */
static void
test_mail_stale_connection(void **state)
{
    (void) state;
    use_mail();
    server.smtp_after_dot = "421 4.4.2 idle too long\r\n";
    exchange();
    assert_int_equal(answer->status, 250);
    /* Let the 421 arrive before the connection is used again. */
    loop_timer_start(guard, 50, 0);
    loop_run(loop);
    server.smtp_after_dot = NULL;
    exchange();
    assert_int_equal(answer->result, WIRE_ANSWERED);
    assert_int_equal(answer->status, 250);
    assert_int_equal(answer->stage, SMTP_DATA);
    assert_int_equal(server.connections, 2);
    assert_int_equal(server.requests, 2);
}

/* The same, but it says so only when the next mail begins, or not at all. */
static void
test_mail_stale_at_next_mail(void **state)
{
    static const char *const farewells[] = { "421 4.4.2 idle too long\r\n", "" };

    (void) state;
    use_mail();
    for (size_t i = 0; i < 2; i++)
    {
        server.smtp_stale = farewells[i];
        request.fresh_connection = true;
        exchange();
        assert_int_equal(answer->status, 250);
        request.fresh_connection = false;
        server.requests = 0;
        exchange();
        assert_int_equal(answer->result, WIRE_ANSWERED);
        assert_int_equal(answer->status, 250);
        assert_int_equal(server.requests, 1);
    }
    /* On a new connection it is the answer. */
    server.smtp_refuse = "MAIL";
    server.smtp_answer = "421 4.3.2 shutting down\r\n";
    request.fresh_connection = true;
    exchange();
    assert_int_equal(answer->status, 421);
    assert_int_equal(answer->stage, SMTP_MAIL);
}

static void
test_mail_injection(void **state)
{
    static const char *const bad[] = { "a@example.org>\r\nRCPT TO:<b@example.org",
                                       "a@example.org\nDATA", "a b@example.org",
                                       "<a@example.org>" };

    (void) state;
    use_mail();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    {
        request.mail_to = bad[i];
        exchange();
        assert_int_equal(answer->result, WIRE_FORBIDDEN);
        request.mail_to = "rcpt@example.org";
        request.mail_from = bad[i];
        exchange();
        assert_int_equal(answer->result, WIRE_FORBIDDEN);
        request.mail_from = "sender@example.org";
    }
    request.mail_to = "";
    exchange();
    assert_int_equal(answer->result, WIRE_FORBIDDEN);
    request.mail_to = "rcpt@example.org";
    options.allow_http = false;
    exchange();
    assert_int_equal(answer->result, WIRE_FORBIDDEN);
    assert_int_equal(server.connections, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_plain),
        TEST(test_methods_and_credentials),
        TEST(test_connection_reuse),
        TEST(test_many_at_once),
        TEST(test_never_sent_twice),
        TEST(test_empty_body_never_sent_twice),
        TEST(test_first_request_without_answer),
        TEST(test_body_ceiling),
        TEST(test_status_decides),
        TEST(test_binary_body),
        TEST(test_headers),
        TEST(test_retry_after),
        TEST(test_timeout_after_upload),
        TEST(test_timeout_during_upload),
        TEST(test_not_sent),
        TEST(test_tls_failure_is_not_sent),
        TEST(test_urls_refused),
        TEST(test_header_injection),
        TEST(test_private_peers),
        TEST(test_private_peer_by_reuse),
        TEST(test_http2_required),
        TEST(test_destroy_in_flight),
        TEST(test_mail),
        TEST(test_mail_refused),
        TEST(test_mail_connect_refused),
        TEST(test_mail_connections),
        TEST(test_mail_beyond_ascii),
        TEST(test_mail_nonsense),
        TEST(test_mail_destroy_in_flight),
        TEST(test_mail_cut),
        TEST(test_mail_timeout),
        TEST(test_mail_stale_connection),
        TEST(test_mail_stale_at_next_mail),
        TEST(test_mail_injection),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
