/* The HTTPS listener: bytes of both HTTP versions become requests. */
#include "sandbox/https.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "sandbox/exchange.h"

enum
{
    PIPELINE_BYTES_MAX = 65536,
    UNOWNED_BODY_MAX = 65536,
    ANSWER_BYTES_MAX = 1100 * 1024 * 1024
};

/* h2_stream.owner: no double owns the path. */
#define NO_OWNER ((size_t) -1)

struct https
{
    struct sandbox *sandbox;
    struct sock_listener *listener;
    struct conn *conns;
};

static const struct sandbox_double *
owner_of(size_t index)
{
    return index == NO_OWNER ? NULL : double_registry[index];
}

static size_t
find_owner(const char *path)
{
    const struct sandbox_double *owner = double_find_path(path);

    for (size_t i = 0; owner != NULL && double_registry[i] != NULL; i++)
    {
        if (double_registry[i] == owner)
        {
            return i;
        }
    }
    return NO_OWNER;
}

static void h1_input(struct conn *conn, const char *data, size_t len);

void
https_pump(struct conn *conn)
{
    if (sock_is_dead(conn->sock))
    {
        return;
    }
    if (conn->h2 != NULL && !h2_pump(conn->h2))
    {
        sock_close(conn->sock);
        return;
    }
    sock_flush(conn->sock);
}

void
https_answered(struct conn *conn)
{
    bool keep = conn->h1.keep_alive;
    struct buf pending = conn->pending;

    exchange_free(conn->exchange);
    conn->exchange = NULL;
    if (!keep)
    {
        sock_close(conn->sock);
        return;
    }
    h1_next(&conn->h1);
    buf_init(&conn->pending, PIPELINE_BYTES_MAX);
    if (pending.len > 0)
    {
        h1_input(conn, pending.data, pending.len);
    }
    buf_finish(&pending);
}

void
https_write(struct conn *conn, const struct double_reply *reply, bool keep_alive)
{
    struct buf text;

    buf_init(&text, ANSWER_BYTES_MAX);
    h1_print(&text, reply, keep_alive);
    sock_write(conn->sock, text.data, text.len);
    buf_finish(&text);
}

/* ---- HTTP/2 ---- */

static void
on_begin(void *user, struct h2_stream *stream, const char *path)
{
    struct conn *conn = user;
    const struct sandbox_double *owner;

    conn->state.streams++;
    stream->owner = find_owner(path);
    owner = owner_of(stream->owner);
    stream->keep = !conn->sandbox->fast || owner == NULL || owner->fast == NULL;
    stream->body_max = owner != NULL ? owner->body_max : UNOWNED_BODY_MAX;
}

static void
on_head(void *user, struct h2_stream *stream)
{
    struct conn *conn = user;
    const struct sandbox_double *owner = owner_of(stream->owner);
    struct exchange *x;

    if (owner == NULL)
    {
        return;
    }
    stream->request.body = "";
    x = exchange_new(conn, stream, owner);
    if (exchange_reset_before(x))
    {
        stream->had_request = true;
    }
    exchange_free(x);
}

static void
answer_fast(struct conn *conn, struct h2_stream *stream)
{
    struct sandbox *sandbox = conn->sandbox;
    struct double_reply reply = { 0 };

    ledger_count_fast(sandbox->ledger, stream->owner, stream->body_bytes,
                      loop_wall_us(sandbox->loop));
    owner_of(stream->owner)
        ->fast(++sandbox->fast_number, stream->apns_id, stream->text, sizeof(stream->text), &reply);
    h2_answer(conn->h2, stream, &reply, SIZE_MAX, false);
}

static void
on_request(void *user, struct h2_stream *stream)
{
    struct conn *conn = user;
    struct exchange *x;

    if (!stream->begun)
    {
        h2_fail_stream(conn->h2, stream);
    }
    else if (!stream->keep)
    {
        answer_fast(conn, stream);
    }
    else
    {
        x = exchange_new(conn, stream, owner_of(stream->owner));
        stream->user = x;
        exchange_run(x, 413, stream->error);
    }
}

static void
on_stream_closed(void *user, struct h2_stream *stream)
{
    struct conn *conn = user;

    conn->state.streams -= stream->begun;
    if (stream->keep && !stream->had_request)
    {
        struct exchange *x = exchange_new(conn, stream, owner_of(stream->owner));

        stream->request.headers = stream->headers;
        stream->request.body = stream->body.data;
        stream->request.body_len = stream->body.len;
        exchange_record_partial(x);
        exchange_free(x);
    }
    exchange_free(stream->user);
}

static const struct h2_events h2_handlers = {
    .begin = on_begin,
    .head = on_head,
    .request = on_request,
    .closed = on_stream_closed,
};

/* ---- HTTP/1.1 ---- */

static void
h1_head(struct conn *conn)
{
    size_t owner = find_owner(conn->h1.request.path);
    struct exchange *x;

    conn->h1.body_max = owner != NO_OWNER ? owner_of(owner)->body_max : UNOWNED_BODY_MAX;
    if (owner != NO_OWNER && !conn->sandbox->fast)
    {
        conn->h1.request.body = "";
        x = exchange_new(conn, NULL, owner_of(owner));
        if (exchange_reset_before(x))
        {
            conn->h1.state = H1_COMPLETE;
        }
        exchange_free(x);
    }
    if (conn->h1.expect_continue && !sock_is_dead(conn->sock))
    {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

        sock_write(conn->sock, go_on, sizeof(go_on) - 1);
        sock_flush(conn->sock);
    }
}

static void
h1_request(struct conn *conn, int error_status, const char *error)
{
    struct sandbox *sandbox = conn->sandbox;
    size_t owner = conn->h1.request.path != NULL ? find_owner(conn->h1.request.path) : NO_OWNER;

    if (error == NULL && sandbox->fast && owner != NO_OWNER && owner_of(owner)->fast != NULL)
    {
        const char *id = request_header(&conn->h1.request, "apns-id");
        struct double_reply reply = { 0 };
        char text[256];

        ledger_count_fast(sandbox->ledger, owner, conn->h1.request.body_len,
                          loop_wall_us(sandbox->loop));
        owner_of(owner)->fast(++sandbox->fast_number, id != NULL ? id : "", text, sizeof(text),
                              &reply);
        https_write(conn, &reply, conn->h1.keep_alive);
        https_answered(conn);
        return;
    }
    conn->state.streams = 1;
    conn->exchange = exchange_new(conn, NULL, owner_of(owner));
    exchange_run(conn->exchange, error_status, error);
}

/* What cannot be parsed is recorded too, as far as it came. */
static void
h1_bad(struct conn *conn)
{
    struct double_request *request = &conn->h1.request;

    conn->h1.keep_alive = false;
    conn->h1.state = H1_COMPLETE;
    request->method = request->method != NULL ? request->method : "";
    request->path = request->path != NULL ? request->path : "";
    request->query = request->query != NULL ? request->query : "";
    request->authority = request->authority != NULL ? request->authority : "";
    if (request->header_count == 0)
    {
        request->body = conn->h1.head.data;
        request->body_len = conn->h1.head.len;
    }
    else
    {
        request->body = conn->h1.body.data;
        request->body_len = conn->h1.body.len;
    }
    h1_request(conn, conn->h1.status, conn->h1.error);
}

static void
h1_input(struct conn *conn, const char *data, size_t len)
{
    size_t at = 0;
    bool again = true;

    while (again && conn->exchange == NULL && !sock_is_dead(conn->sock))
    {
        size_t used;
        enum h1_event event = h1_feed(&conn->h1, data + at, len - at, &used);

        at += used;
        if (event == H1_HEAD)
        {
            h1_head(conn);
        }
        else if (event == H1_REQUEST)
        {
            /* what follows waits: https_answered() may run inside and would take it out of order */
            if (at < len && !buf_append(&conn->pending, data + at, len - at))
            {
                sock_reset(conn->sock);
            }
            at = len;
            h1_request(conn, 0, NULL);
        }
        else if (event == H1_BAD)
        {
            h1_bad(conn);
        }
        again = event == H1_HEAD || (event != H1_BAD && at < len);
    }
    if (at < len && !sock_is_dead(conn->sock) && !buf_append(&conn->pending, data + at, len - at))
    {
        sock_reset(conn->sock);
    }
}

/* ---- connections ---- */

static void
on_ready(void *user)
{
    struct conn *conn = user;

    if (sock_is_h2(conn->sock))
    {
        conn->h2 =
            h2_create(conn->sock, fault_book_settings(conn->sandbox->book), &h2_handlers, conn);
        https_pump(conn);
    }
}

static void
on_data(void *user, const char *data, size_t len)
{
    struct conn *conn = user;

    if (conn->h2 == NULL)
    {
        h1_input(conn, data, len);
    }
    else if (!h2_feed(conn->h2, data, len) && !sock_is_dead(conn->sock))
    {
        h2_pump(conn->h2);
        sock_close(conn->sock);
    }
}

static void
on_batch_end(void *user)
{
    https_pump(user);
}

static void
on_closed(void *user)
{
    struct conn *conn = user;

    if (conn->h2 == NULL && conn->exchange == NULL && conn->h1.request.path != NULL &&
        h1_is_partial(&conn->h1))
    {
        struct exchange *x = exchange_new(conn, NULL, owner_of(find_owner(conn->h1.request.path)));

        conn->h1.request.body = conn->h1.body.data;
        conn->h1.request.body_len = conn->h1.body.len;
        exchange_record_partial(x);
        exchange_free(x);
    }
    exchange_free(conn->exchange);
    h2_destroy(conn->h2);
    h1_finish(&conn->h1);
    buf_finish(&conn->pending);
    *conn->back = conn->next;
    if (conn->next != NULL)
    {
        conn->next->back = conn->back;
    }
    free(conn);
}

static const struct sock_events sock_handlers = {
    .ready = on_ready,
    .data = on_data,
    .batch_end = on_batch_end,
    .closed = on_closed,
};

static void
on_accepted(void *user, int fd)
{
    struct https *https = user;
    struct conn *conn = mem_alloc(sizeof(*conn));

    conn->https = https;
    conn->sandbox = https->sandbox;
    conn->next = https->conns;
    if (conn->next != NULL)
    {
        conn->next->back = &conn->next;
    }
    conn->back = &https->conns;
    https->conns = conn;
    conn->state.number = ++https->sandbox->conn_number;
    h1_init(&conn->h1);
    buf_init(&conn->pending, PIPELINE_BYTES_MAX);
    conn->sock =
        sock_create(https->sandbox->net, fd, https->sandbox->https_tls, &sock_handlers, conn);
}

struct https *
https_create(struct sandbox *sandbox, const char *address, const char **reterr)
{
    struct https *https = mem_alloc(sizeof(*https));

    https->sandbox = sandbox;
    https->listener = sock_listen(sandbox->net, address, on_accepted, https, reterr);
    if (https->listener != NULL)
    {
        return https;
    }
    free(https);
    return NULL;
}

int
https_port(const struct https *https)
{
    return sock_listener_port(https->listener);
}

void
https_change_settings(struct https *https)
{
    for (struct conn *conn = https->conns; conn != NULL; conn = conn->next)
    {
        if (conn->h2 != NULL && !sock_is_dead(conn->sock))
        {
            h2_change_settings(conn->h2, fault_book_settings(https->sandbox->book));
            https_pump(conn);
        }
    }
}

void
https_destroy(struct https *https)
{
    if (https == NULL)
    {
        return;
    }
    sock_listener_destroy(https->listener);
    free(https);
}
