/* nghttp2 over a link. */
#include "core/http2_session.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/failpoint.h"
#include "core/mem.h"

enum
{
    CONNECTION_WINDOW = 16 * 1024 * 1024,
    OUT_HIGH_WATER = 256 * 1024, /* frames wait in nghttp2 while this much waits for the socket */
    READ_BYTES = 65536,
    READS_MAX = 16, /* then other descriptors get their turn */
    STATUS_FINAL_MIN = 200,
    HEADER_LIST_MAX = 65536,
    FIXED_HEADERS = 7 /* four pseudo headers, user-agent, authorization, content-length */
};

struct http2_session
{
    struct loop *loop;
    struct http_link *link;
    struct loop_watch *watch;
    struct loop_timer *wake; /* frames to send, or input left in the TLS layer */
    nghttp2_session *nghttp2;
    const struct http2_session_events *events;
    void *user;
    struct http2_call *calls;
    size_t call_count;
    int max_calls;
    struct buf out;
    size_t out_sent;
    int64_t heard_ms;
    bool unread; /* input is left where no descriptor tells of it */
    bool retired;
    bool broken;
};

/* ---- calls ---- */

static void
session_forget(struct http2_session *session, struct http2_call *call)
{
    if (call->next != NULL)
    {
        call->next->previous = call->previous;
    }
    if (call->previous != NULL)
    {
        call->previous->next = call->next;
    }
    else
    {
        session->calls = call->next;
    }
    session->call_count--;
    call->session = NULL;
}

static void
session_end(struct http2_session *session, struct http2_call *call, enum http2_end end)
{
    session_forget(session, call);
    session->events->ended(session->user, call, end);
}

static void
session_break(struct http2_session *session)
{
    session->broken = true;
    session->retired = true;
    loop_timer_stop(session->wake);
    loop_watch_set(session->watch, 0);
    while (session->calls != NULL)
    {
        struct http2_call *call = session->calls;

        session_end(session, call,
                    call->answer.wire->status >= STATUS_FINAL_MIN ? HTTP2_CUT : HTTP2_BROKEN);
    }
}

/* ---- output ---- */

/* Move what the socket takes of the output buffer; false when the link broke. */
static bool
session_send(struct http2_session *session)
{
    struct buf *out = &session->out;
    ssize_t len = 0;

    if (out->len > 0)
    {
        len = http_link_send(session->link, out->data + session->out_sent,
                             out->len - session->out_sent);
    }
    if (len < 0)
    {
        return false;
    }
    session->out_sent += (size_t) len;
    if (session->out_sent == out->len)
    {
        buf_reset(out);
        session->out_sent = 0;
        FAILPOINT_NOTED("K3");
    }
    return true;
}

/* Fill the output buffer with frames and send it, until all are sent or the socket is full. */
static bool
session_flush(struct http2_session *session)
{
    struct buf *out = &session->out;
    const uint8_t *data;
    ssize_t len = 1;

    do
    {
        while (out->len < OUT_HIGH_WATER &&
               (len = nghttp2_session_mem_send(session->nghttp2, &data)) > 0)
        {
            buf_append(out, data, (size_t) len);
        }
        if (len < 0 || !session_send(session))
        {
            return false;
        }
    } while (out->len == 0 && len > 0);
    loop_watch_set(session->watch, out->len > 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
    return true;
}

static void
session_settle(struct http2_session *session, bool alive)
{
    if (!session->broken && (!alive || (nghttp2_session_want_read(session->nghttp2) == 0 &&
                                        nghttp2_session_want_write(session->nghttp2) == 0)))
    {
        session_break(session);
    }
    session->events->settled(session->user);
}

/* ---- input ---- */

static int
on_header(nghttp2_session *nghttp2, const nghttp2_frame *frame, const uint8_t *name,
          size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
    struct http2_session *session = user;
    struct http2_call *call = nghttp2_session_get_stream_user_data(nghttp2, frame->hd.stream_id);

    (void) flags;
    if (call == NULL || frame->hd.type != NGHTTP2_HEADERS)
    {
        return 0;
    }
    if (name_len == 7 && memcmp(name, ":status", 7) == 0)
    {
        FAILPOINT("K5", NULL);
        http_answer_restart(&call->answer);
        call->answer.wire->status = (int) strtol((const char *) value, NULL, 10);
    }
    else if (frame->headers.cat != NGHTTP2_HCAT_HEADERS || call->answer.received == 0)
    {
        http_answer_add_header(&call->answer, (const char *) name, name_len, (const char *) value,
                               value_len, loop_wall_us(session->loop));
    }
    return 0;
}

static int
on_data(nghttp2_session *nghttp2, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
        void *user)
{
    struct http2_call *call = nghttp2_session_get_stream_user_data(nghttp2, id);

    (void) flags;
    (void) user;
    if (call != NULL && !http_answer_add_body(&call->answer, data, len))
    {
        nghttp2_submit_rst_stream(nghttp2, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    }
    return 0;
}

static int
on_frame_received(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *user)
{
    struct http2_session *session = user;

    (void) nghttp2;
    session->retired = session->retired || frame->hd.type == NGHTTP2_GOAWAY;
    return 0;
}

static int
on_frame_sent(nghttp2_session *nghttp2, const nghttp2_frame *frame, void *user)
{
    bool carries = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    struct http2_call *call;

    (void) user;
    if (carries && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
        (call = nghttp2_session_get_stream_user_data(nghttp2, frame->hd.stream_id)) != NULL)
    {
        call->sent = true;
        FAILPOINT_NOTE("K3");
        FAILPOINT_NOTE("K4");
    }
    return 0;
}

static int
on_stream_closed(nghttp2_session *nghttp2, int32_t id, uint32_t error, void *user)
{
    struct http2_call *call = nghttp2_session_get_stream_user_data(nghttp2, id);

    if (call == NULL)
    {
        return 0;
    }
    if (call->answer.wire->status >= STATUS_FINAL_MIN)
    {
        session_end(user, call, error == NGHTTP2_NO_ERROR ? HTTP2_ANSWERED : HTTP2_CUT);
    }
    else
    {
        session_end(user, call, error == NGHTTP2_REFUSED_STREAM ? HTTP2_REFUSED : HTTP2_BROKEN);
    }
    return 0;
}

static bool
session_read(struct http2_session *session)
{
    uint8_t data[READ_BYTES];

    session->unread = false;
    for (int i = 0; i < READS_MAX; i++)
    {
        ssize_t len = http_link_receive(session->link, data, sizeof(data));

        if (len == 0)
        {
            return true;
        }
        if (len < 0 || nghttp2_session_mem_recv(session->nghttp2, data, (size_t) len) != len)
        {
            return false;
        }
        session->heard_ms = loop_now_ms(session->loop);
    }
    session->unread = true;
    loop_timer_start(session->wake, 0, 0);
    return true;
}

static void
session_on_socket(void *user, int events)
{
    struct http2_session *session = user;

    (void) events;
    FAILPOINT_NOTED("K4");
    session_settle(session, session_read(session) && session_flush(session));
}

static void
session_on_wake(void *user)
{
    struct http2_session *session = user;

    session_settle(session, (!session->unread || session_read(session)) && session_flush(session));
}

/* ---- starting and ending calls ---- */

static ssize_t
read_body(nghttp2_session *nghttp2, int32_t id, uint8_t *ret, size_t size, uint32_t *flags,
          nghttp2_data_source *source, void *user)
{
    struct http2_call *call = nghttp2_session_get_stream_user_data(nghttp2, id);
    size_t len;

    (void) source;
    (void) user;
    FAILPOINT_AFTER("K2", NULL, session_send(user));
    if (call == NULL)
    {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    len = body_read(&call->body, ret, size);
    call->body_sent += len;
    if (call->body_sent == call->request->body_len)
    {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t) len;
}

/* Names and values outlive the stream's frames, so nghttp2 need not copy; it wants lower case. */
static nghttp2_nv
header(const char *name, const char *value)
{
    nghttp2_nv nv = {
        .name = (uint8_t *) (uintptr_t) name,
        .value = (uint8_t *) (uintptr_t) value,
        .namelen = strlen(name),
        .valuelen = strlen(value),
        .flags = NGHTTP2_NV_FLAG_NO_COPY_VALUE,
    };
    return nv;
}

/* Headers that belong to one connection, which HTTP/2 forbids, or that are set here. */
static bool
is_left_out(const char *name)
{
    static const char *const names[] = { "connection",        "host",       "content-length",
                                         "transfer-encoding", "keep-alive", "upgrade" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    {
        if (strcasecmp(name, names[i]) == 0)
        {
            return true;
        }
    }
    return false;
}

static size_t
set_headers(const struct http2_call *call, nghttp2_nv *ret)
{
    const struct wire_request *request = call->request;
    size_t count = 0;

    ret[count++] = header(":method", request->method != NULL ? request->method : "POST");
    ret[count++] = header(":scheme", "https");
    ret[count++] = header(":authority", call->authority);
    ret[count++] = header(":path", call->path);
    ret[count++] = header("user-agent", HTTP_USER_AGENT);
    if (call->authorization != NULL)
    {
        ret[count++] = header("authorization", call->authorization);
    }
    for (size_t i = 0; i < request->header_count; i++)
    {
        if (!is_left_out(request->headers[i].name))
        {
            ret[count++] = header(request->headers[i].name, request->headers[i].value);
        }
    }
    return count;
}

bool
http2_session_start(struct http2_session *session, struct http2_call *call)
{
    nghttp2_nv headers[FIXED_HEADERS + WIRE_HEADERS_MAX];
    nghttp2_data_provider provider = { .read_callback = read_body };
    bool has_body = call->request->body_len > 0;
    char length[24];
    size_t count = set_headers(call, headers);

    body_start(&call->body, call->request);
    if (has_body)
    {
        snprintf(length, sizeof(length), "%zu", call->request->body_len);
        headers[count] = header("content-length", length);
        headers[count++].flags = NGHTTP2_NV_FLAG_NONE;
    }
    call->id = nghttp2_submit_request(session->nghttp2, NULL, headers, count,
                                      has_body ? &provider : NULL, call);
    if (call->id < 0)
    {
        session->retired = true;
        return false;
    }
    call->session = session;
    call->previous = NULL;
    call->next = session->calls;
    if (call->next != NULL)
    {
        call->next->previous = call;
    }
    session->calls = call;
    session->call_count++;
    loop_timer_start(session->wake, 0, 0);
    return true;
}

void
http2_session_cancel(struct http2_call *call)
{
    struct http2_session *session = call->session;

    nghttp2_session_set_stream_user_data(session->nghttp2, call->id, NULL);
    nghttp2_submit_rst_stream(session->nghttp2, NGHTTP2_FLAG_NONE, call->id, NGHTTP2_CANCEL);
    session_forget(session, call);
    loop_timer_start(session->wake, 0, 0);
}

/* ---- sessions ---- */

static nghttp2_session *
new_nghttp2(struct http2_session *session)
{
    static const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADER_LIST_MAX },
    };
    nghttp2_session_callbacks *callbacks;
    nghttp2_session *nghttp2;

    if (nghttp2_session_callbacks_new(&callbacks) != 0)
    {
        mem_exhausted();
    }
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_received);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_closed);
    if (nghttp2_session_client_new(&nghttp2, callbacks, session) != 0 ||
        nghttp2_submit_settings(nghttp2, NGHTTP2_FLAG_NONE, settings,
                                sizeof(settings) / sizeof(settings[0])) != 0 ||
        nghttp2_session_set_local_window_size(nghttp2, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW) !=
            0)
    {
        mem_exhausted();
    }
    nghttp2_session_callbacks_del(callbacks);
    return nghttp2;
}

struct http2_session *
http2_session_create(struct loop *loop, struct http_link *link, int max_calls,
                     const struct http2_session_events *events, void *user)
{
    struct http2_session *session = mem_alloc(sizeof(*session));

    session->loop = loop;
    session->link = link;
    session->events = events;
    session->user = user;
    session->max_calls = max_calls;
    session->heard_ms = loop_now_ms(loop);
    buf_init(&session->out, SIZE_MAX / 2);
    session->nghttp2 = new_nghttp2(session);
    session->wake = loop_timer_create(loop, session_on_wake, session);
    session->watch =
        loop_watch_create(loop, http_link_fd(link), LOOP_READ, session_on_socket, session);
    loop_timer_start(session->wake, 0, 0);
    return session;
}

void
http2_session_destroy(struct http2_session *session)
{
    if (session == NULL)
    {
        return;
    }
    loop_watch_destroy(session->watch);
    loop_timer_destroy(session->wake);
    nghttp2_session_del(session->nghttp2);
    http_link_close(session->link);
    buf_finish(&session->out);
    free(session);
}

int
http2_session_room(const struct http2_session *session)
{
    uint32_t peer_max = nghttp2_session_get_remote_settings(
        session->nghttp2, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    int max = session->max_calls;

    if (session->retired || nghttp2_session_check_request_allowed(session->nghttp2) == 0)
    {
        return 0;
    }
    max = peer_max < (uint32_t) max ? (int) peer_max : max;
    return session->call_count < (size_t) max ? max - (int) session->call_count : 0;
}

size_t
http2_session_calls(const struct http2_session *session)
{
    return session->call_count;
}

bool
http2_session_is_over(const struct http2_session *session)
{
    bool retired = session->retired || nghttp2_session_check_request_allowed(session->nghttp2) == 0;

    return session->broken || (retired && session->call_count == 0);
}

int64_t
http2_session_heard_ms(const struct http2_session *session)
{
    return session->heard_ms;
}

void
http2_session_retire(struct http2_session *session)
{
    session->retired = true;
}
