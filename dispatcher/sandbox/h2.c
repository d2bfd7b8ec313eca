/* nghttp2 behind h2.h. */
#include "sandbox/h2.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

enum
{
    CONNECTION_WINDOW = 64 * 1024 * 1024,
    HEADER_BYTES_MAX = 65536,
    OUT_HIGH_WATER = 1024 * 1024,
    FREE_STREAMS_MAX = 256,
    EARLY_AUTHORITY = 24 /* offset in text of an :authority that comes before :path */
};

struct h2
{
    nghttp2_session *session;
    struct sock *sock;
    const struct h2_events *events;
    void *user;
    struct h2_stream *streams;
    struct h2_stream *free_streams;
    size_t free_count;
};

/* ---- streams ---- */

static struct h2_stream *
stream_open(struct h2 *h2, int32_t id)
{
    struct h2_stream *stream = h2->free_streams;

    if (stream != NULL)
    {
        h2->free_streams = stream->next;
        h2->free_count--;
    }
    else
    {
        stream = mem_alloc(sizeof(*stream));
    }
    memset(stream, 0, offsetof(struct h2_stream, apns_id) + 1);
    memset(&stream->headers, 0, sizeof(*stream) - offsetof(struct h2_stream, headers));
    stream->text[0] = '\0';
    stream->text[EARLY_AUTHORITY] = '\0';
    stream->id = id;
    stream->next = h2->streams;
    if (stream->next != NULL)
    {
        stream->next->previous = stream;
    }
    h2->streams = stream;
    return stream;
}

static void
stream_close(struct h2 *h2, struct h2_stream *stream)
{
    h2->events->closed(h2->user, stream);
    if (stream->next != NULL)
    {
        stream->next->previous = stream->previous;
    }
    if (stream->previous != NULL)
    {
        stream->previous->next = stream->next;
    }
    else
    {
        h2->streams = stream->next;
    }
    if (stream->arena != NULL)
    {
        buf_finish(&stream->body);
        arena_destroy(stream->arena);
    }
    if (h2->free_count >= FREE_STREAMS_MAX)
    {
        free(stream);
        return;
    }
    stream->next = h2->free_streams;
    h2->free_streams = stream;
    h2->free_count++;
}

/* The stream behind an id, or NULL. */
static struct h2_stream *
stream_find(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

/* ---- what nghttp2 reports ---- */

static int
on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2 *h2 = user;

    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
    {
        nghttp2_session_set_stream_user_data(session, frame->hd.stream_id,
                                             stream_open(h2, frame->hd.stream_id));
    }
    return 0;
}

/* The path decides whether the rest of the request is collected. */
static void
begin(struct h2 *h2, struct h2_stream *stream, const char *path, size_t len)
{
    struct double_request *request = &stream->request;
    char *copy;

    stream->begun = true;
    stream->body_max = SIZE_MAX;
    h2->events->begin(h2->user, stream, path);
    if (!stream->keep)
    {
        return;
    }
    stream->arena = arena_create();
    buf_init(&stream->body, stream->body_max);
    stream->headers = arena_alloc(stream->arena, H2_HEADERS_MAX * sizeof(*stream->headers));
    copy = arena_strndup(stream->arena, path, len);
    request->path = copy;
    request->query = "";
    request->method = arena_strdup(stream->arena, stream->text);
    request->authority = arena_strdup(stream->arena, stream->text + EARLY_AUTHORITY);
    request->http2 = true;
    copy = strchr(copy, '?');
    if (copy != NULL)
    {
        *copy = '\0';
        request->query = copy + 1;
    }
}

/* Pseudo headers may come in any order; what comes before :path waits in a small buffer. */
static void
keep_early(struct h2_stream *stream, const char *name, const char *value)
{
    if (strcmp(name, ":method") == 0)
    {
        snprintf(stream->text, EARLY_AUTHORITY, "%s", value);
    }
    else if (strcmp(name, ":authority") == 0)
    {
        snprintf(stream->text + EARLY_AUTHORITY, sizeof(stream->text) - EARLY_AUTHORITY, "%s",
                 value);
    }
}

static void
keep_header(struct h2_stream *stream, const char *name, const char *value)
{
    struct double_request *request = &stream->request;

    if (strcmp(name, ":method") == 0)
    {
        request->method = value;
    }
    else if (strcmp(name, ":authority") == 0)
    {
        request->authority = value;
    }
    else if (name[0] != ':' && request->header_count < H2_HEADERS_MAX)
    {
        stream->headers[request->header_count++] = (struct field){ name, value };
    }
    else if (name[0] != ':')
    {
        stream->error = "too many headers";
    }
}

/* nghttp2 hands names and values out NUL-terminated. */
static int
on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
          size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
    struct h2 *h2 = user;
    struct h2_stream *stream = stream_find(session, frame->hd.stream_id);
    const char *name_text = (const char *) name;
    const char *value_text = (const char *) value;

    (void) flags;
    if (stream == NULL)
    {
        return 0;
    }
    if (!stream->begun && name_len == 5 && memcmp(name, ":path", 5) == 0)
    {
        begin(h2, stream, value_text, value_len);
    }
    else if (!stream->begun)
    {
        keep_early(stream, name_text, value_text);
    }
    else if (stream->keep)
    {
        keep_header(stream, arena_strndup(stream->arena, name_text, name_len),
                    arena_strndup(stream->arena, value_text, value_len));
    }
    else if (name_len == 7 && memcmp(name, "apns-id", 7) == 0 &&
             value_len < sizeof(stream->apns_id))
    {
        memcpy(stream->apns_id, value, value_len + 1);
    }
    return 0;
}

static int
on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
        void *user)
{
    struct h2_stream *stream = stream_find(session, id);

    (void) flags;
    (void) user;
    if (stream == NULL)
    {
        return 0;
    }
    stream->body_bytes += len;
    if (stream->keep && stream->error == NULL && !buf_append(&stream->body, data, len))
    {
        stream->error = "the body is too large";
    }
    return 0;
}

static int
on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2 *h2 = user;
    struct h2_stream *stream;
    bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
    {
        return 0;
    }
    stream = stream_find(session, frame->hd.stream_id);
    if (stream == NULL || sock_is_dead(h2->sock))
    {
        return 0;
    }
    stream->request.headers = stream->headers;
    if (stream->keep && frame->hd.type == NGHTTP2_HEADERS &&
        frame->headers.cat == NGHTTP2_HCAT_REQUEST)
    {
        h2->events->head(h2->user, stream);
    }
    if (!end || sock_is_dead(h2->sock))
    {
        return 0;
    }
    stream->had_request = true;
    if (stream->keep)
    {
        stream->request.body = stream->body.data;
        stream->request.body_len = stream->body.len;
    }
    h2->events->request(h2->user, stream);
    return 0;
}

static int
on_stream_close(nghttp2_session *session, int32_t id, uint32_t error_code, void *user)
{
    struct h2_stream *stream = stream_find(session, id);

    (void) error_code;
    if (stream != NULL)
    {
        stream_close(user, stream);
    }
    return 0;
}

/* ---- sessions ---- */

static int
set_settings(nghttp2_session *session, struct fault_settings settings)
{
    nghttp2_settings_entry entries[] = {
        { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t) settings.max_streams },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t) settings.window },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADER_BYTES_MAX },
    };

    return nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, entries,
                                   sizeof(entries) / sizeof(entries[0]));
}

struct h2 *
h2_create(struct sock *sock, struct fault_settings settings, const struct h2_events *events,
          void *user)
{
    struct h2 *h2 = mem_alloc(sizeof(*h2));
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;

    h2->sock = sock;
    h2->events = events;
    h2->user = user;
    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
    {
        mem_exhausted();
    }
    /* libcurl 7.88 resets each stream it has read to its end; the default allows 33 a second. */
    nghttp2_option_set_stream_reset_rate_limit(option, UINT32_MAX, UINT32_MAX);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    if (nghttp2_session_server_new2(&h2->session, callbacks, h2, option) != 0 ||
        set_settings(h2->session, settings) != 0 ||
        nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0,
                                              CONNECTION_WINDOW) != 0)
    {
        mem_exhausted();
    }
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    return h2;
}

void
h2_destroy(struct h2 *h2)
{
    if (h2 == NULL)
    {
        return;
    }
    while (h2->streams != NULL)
    {
        stream_close(h2, h2->streams);
    }
    while (h2->free_streams != NULL)
    {
        struct h2_stream *stream = h2->free_streams;

        h2->free_streams = stream->next;
        free(stream);
    }
    nghttp2_session_del(h2->session);
    free(h2);
}

bool
h2_feed(struct h2 *h2, const char *data, size_t len)
{
    ssize_t used = nghttp2_session_mem_recv(h2->session, (const uint8_t *) data, len);

    return used >= 0 && (size_t) used == len;
}

bool
h2_pump(struct h2 *h2)
{
    const uint8_t *data;
    ssize_t len;

    while ((len = nghttp2_session_mem_send(h2->session, &data)) > 0)
    {
        sock_write(h2->sock, data, (size_t) len);
        if (sock_queued(h2->sock) < OUT_HIGH_WATER)
        {
            continue;
        }
        sock_flush(h2->sock);
        if (sock_is_dead(h2->sock) || sock_queued(h2->sock) > 0)
        {
            return true;
        }
    }
    return nghttp2_session_want_read(h2->session) != 0 ||
           nghttp2_session_want_write(h2->session) != 0;
}

/* ---- answers ---- */

static ssize_t
read_answer(nghttp2_session *session, int32_t id, uint8_t *data, size_t size, uint32_t *flags,
            nghttp2_data_source *source, void *user)
{
    struct h2_stream *stream = source->ptr;
    size_t end = stream->limit < stream->reply.body_len ? stream->limit : stream->reply.body_len;
    size_t len = end - stream->sent < size ? end - stream->sent : size;

    (void) session;
    (void) id;
    (void) user;
    if (stream->reply.body != NULL)
    {
        memcpy(data, stream->reply.body + stream->sent, len);
    }
    else
    {
        memset(data, 'x', len);
    }
    stream->sent += len;
    if (stream->sent == stream->reply.body_len && !stream->open_end)
    {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    else if (len == 0)
    {
        return NGHTTP2_ERR_DEFERRED;
    }
    return (ssize_t) len;
}

static nghttp2_nv
header(const char *name, const char *value)
{
    union
    {
        const char *text;
        uint8_t *bytes;
    } n = { name }, v = { value };

    return (nghttp2_nv){ n.bytes, v.bytes, strlen(name), strlen(value),
                         NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE };
}

void
h2_answer(struct h2 *h2, struct h2_stream *stream, const struct double_reply *reply, size_t limit,
          bool open_end)
{
    nghttp2_nv headers[H2_ANSWER_HEADERS_MAX];
    nghttp2_data_provider provider = { .source = { .ptr = stream }, .read_callback = read_answer };
    size_t count = 0;

    if (&stream->reply != reply)
    {
        stream->reply = *reply;
    }
    stream->limit = limit;
    stream->open_end = open_end;
    snprintf(stream->status_text, sizeof(stream->status_text), "%d", reply->status);
    headers[count++] = header(":status", stream->status_text);
    for (size_t i = 0; i < reply->header_count; i++)
    {
        headers[count++] = header(reply->headers[i].name, reply->headers[i].value);
    }
    if (reply->body_len > 0)
    {
        snprintf(stream->length_text, sizeof(stream->length_text), "%zu", reply->body_len);
        headers[count++] = header("content-length", stream->length_text);
    }
    nghttp2_submit_response(h2->session, stream->id, headers, count,
                            reply->body_len > 0 || open_end ? &provider : NULL);
}

bool
h2_allow(struct h2 *h2, struct h2_stream *stream, size_t more)
{
    bool all;

    stream->limit += more;
    all = stream->limit >= stream->reply.body_len;
    stream->open_end = stream->open_end && !all;
    nghttp2_session_resume_data(h2->session, stream->id);
    return all;
}

void
h2_refuse_stream(struct h2 *h2, struct h2_stream *stream)
{
    nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_REFUSED_STREAM);
}

void
h2_fail_stream(struct h2 *h2, struct h2_stream *stream)
{
    nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_INTERNAL_ERROR);
}

void
h2_goaway(struct h2 *h2, const struct h2_stream *stream, bool below)
{
    static const uint8_t debug[] = "{\"reason\":\"Shutdown\"}";
    int32_t last = below ? (stream->id > 2 ? stream->id - 2 : 0)
                         : nghttp2_session_get_last_proc_stream_id(h2->session);

    nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, debug,
                          sizeof(debug) - 1);
}

void
h2_change_settings(struct h2 *h2, struct fault_settings settings)
{
    set_settings(h2->session, settings);
}
