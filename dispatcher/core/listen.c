/* A small HTTP listener, on libwebsockets. */
#include "core/listen.h"

#include <errno.h>
#include <libwebsockets.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/log.h"
#include "core/mem.h"

#define LISTEN_BODY_MAX 1048576
#define LISTEN_CHUNK 16384
#define LISTEN_HEADERS_MAX 2048
#define LISTEN_PATH_MAX 1024
#define LISTEN_BACKLOG 64
#define LISTEN_IDLE_S 15

struct listener
{
    struct loop *loop;
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct loop_watch *watch;
    int fd;
    listen_handler_fn handler;
    void *user;
};

/* What libwebsockets keeps for each connection. */
struct listen_session
{
    struct buf body;
    size_t written;
    bool answering;
};

static void
listen_on_log(int level, const char *line)
{
    size_t len = strcspn(line, "\n");
    char text[256];

    snprintf(text, sizeof(text), "%.*s", len < sizeof(text) ? (int) len : 255, line);
    log_event((level & LLL_ERR) != 0 ? LOG_WARN : LOG_DEBUG, "listener", "detail", text, NULL);
}

/* ---- answering ---- */

static void
listen_clear(struct listen_session *session)
{
    if (session != NULL && session->answering)
    {
        buf_finish(&session->body);
        session->answering = false;
    }
}

static int
listen_send_headers(struct lws *wsi, int status, const char *content_type, size_t len)
{
    uint8_t headers[LWS_PRE + LISTEN_HEADERS_MAX];
    uint8_t *start = headers + LWS_PRE;
    uint8_t *end = headers + sizeof(headers) - 1;
    uint8_t *p = start;

    if (lws_add_http_common_headers(wsi, (unsigned int) status, content_type, len, &p, end) != 0)
    {
        return 1;
    }
    return lws_finalize_write_http_header(wsi, start, &p, end);
}

static int
listen_transaction_over(struct lws *wsi, struct listen_session *session)
{
    listen_clear(session);
    return lws_http_transaction_completed(wsi) != 0 ? -1 : 0;
}

static int
listen_answer(struct listener *listener, struct lws *wsi, struct listen_session *session,
              const char *path)
{
    const char *content_type = "text/plain; charset=utf-8";
    bool head = lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0;
    int status = 405;

    listen_clear(session);
    buf_init(&session->body, LISTEN_BODY_MAX);
    session->answering = true;
    session->written = 0;
    if (head || lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) > 0)
    {
        status = listener->handler(listener->user, path, &session->body, &content_type);
    }
    else
    {
        buf_puts(&session->body, "only GET and HEAD are served here\n");
    }
    if (session->body.overflow)
    {
        status = 500;
        buf_reset(&session->body);
    }
    if (listen_send_headers(wsi, status, content_type, session->body.len) != 0)
    {
        listen_clear(session);
        return 1;
    }
    if (head || session->body.len == 0)
    {
        return listen_transaction_over(wsi, session);
    }
    lws_callback_on_writable(wsi);
    return 0;
}

static int
listen_write_body(struct lws *wsi, struct listen_session *session)
{
    uint8_t chunk[LWS_PRE + LISTEN_CHUNK];
    size_t left = session->body.len - session->written;
    size_t len = left < LISTEN_CHUNK ? left : LISTEN_CHUNK;

    memcpy(chunk + LWS_PRE, session->body.data + session->written, len);
    if (lws_write(wsi, chunk + LWS_PRE, len, len == left ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) <
        (int) len)
    {
        listen_clear(session);
        return 1;
    }
    session->written += len;
    if (session->written == session->body.len)
    {
        return listen_transaction_over(wsi, session);
    }
    lws_callback_on_writable(wsi);
    return 0;
}

static int
listen_on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    struct listen_session *session = user;
    char path[LISTEN_PATH_MAX];

    switch (reason)
    {
        case LWS_CALLBACK_HTTP:
            if (session == NULL || len >= sizeof(path))
            {
                return 1;
            }
            memcpy(path, in, len);
            path[len] = '\0';
            return listen_answer(lws_context_user(lws_get_context(wsi)), wsi, session, path);
        case LWS_CALLBACK_HTTP_WRITEABLE:
            return session != NULL && session->answering ? listen_write_body(wsi, session) : 0;
        case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
        case LWS_CALLBACK_CLOSED_HTTP:
            listen_clear(session);
            return 0;
        case LWS_CALLBACK_FILTER_HTTP_CONNECTION:
        case LWS_CALLBACK_HTTP_BODY:
        case LWS_CALLBACK_HTTP_BODY_COMPLETION:
            return 0;
        default:
            return lws_callback_http_dummy(wsi, reason, user, in, len);
    }
}

/* ---- the listening socket ---- */

static void
listen_on_accept(void *user, int events)
{
    struct listener *listener = user;
    int fd;

    (void) events;
    while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
    {
        /* Closes the descriptor itself when it fails. */
        lws_adopt_socket_vhost(listener->vhost, fd);
    }
}

/* Split "host:port" or "[host]:port"; false when it is neither. */
static bool
listen_split(const char *address, char *host, size_t host_size, char *port, size_t port_size)
{
    const char *colon = strrchr(address, ':');
    size_t len = colon != NULL ? (size_t) (colon - address) : 0;

    if (len >= 2 && address[0] == '[' && address[len - 1] == ']')
    {
        address++;
        len -= 2;
    }
    else if (memchr(address, ':', len) != NULL)
    {
        return false;
    }
    if (len == 0 || len >= host_size || colon[1] == '\0' || strlen(colon + 1) >= port_size)
    {
        return false;
    }
    snprintf(host, host_size, "%.*s", (int) len, address);
    snprintf(port, port_size, "%s", colon + 1);
    return true;
}

static int
listen_bind(const struct addrinfo *info)
{
    const int one = 1;
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
    {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, LISTEN_BACKLOG) != 0)
    {
        int saved = errno;

        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static int
listen_open(const char *address, const char **reterr)
{
    const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                                    .ai_socktype = SOCK_STREAM };
    struct addrinfo *info = NULL;
    char host[64];
    char port[8];
    int fd;

    if (!listen_split(address, host, sizeof(host), port, sizeof(port)) ||
        getaddrinfo(host, port, &hints, &info) != 0)
    {
        *reterr = "the address is not of the form 127.0.0.1:9187 or [::1]:9187";
        return -1;
    }
    fd = listen_bind(info);
    if (fd < 0)
    {
        *reterr = errno == EADDRINUSE      ? "the address is in use"
                  : errno == EACCES        ? "the port is reserved for root"
                  : errno == EADDRNOTAVAIL ? "the address is not one of this machine"
                                           : "the address cannot be bound";
    }
    freeaddrinfo(info);
    return fd;
}

static bool
listen_start(struct listener *listener)
{
    static const struct lws_protocols protocols[] = {
        { .name = "http",
          .callback = listen_on_event,
          .per_session_data_size = sizeof(struct listen_session) },
        { 0 },
    };
    void *loops[] = { loop_handle(listener->loop) };
    struct lws_context_creation_info info;

    lws_set_log_level(LLL_ERR | LLL_WARN, listen_on_log);
    memset(&info, 0, sizeof(info));
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    info.protocols = protocols;
    info.gid = (gid_t) -1;
    info.uid = (uid_t) -1;
    info.user = listener;
    info.foreign_loops = loops;
    info.keepalive_timeout = LISTEN_IDLE_S;
    info.timeout_secs = LISTEN_IDLE_S;
    info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
    listener->context = lws_create_context(&info);
    if (listener->context == NULL)
    {
        return false;
    }
    listener->vhost = lws_create_vhost(listener->context, &info);
    return listener->vhost != NULL;
}

struct listener *
listen_create(struct loop *loop, const char *address, listen_handler_fn handler, void *user,
              const char **reterr)
{
    struct listener *listener;
    int fd = listen_open(address, reterr);

    if (fd < 0)
    {
        return NULL;
    }
    listener = mem_alloc(sizeof(*listener));
    listener->loop = loop;
    listener->fd = fd;
    listener->handler = handler;
    listener->user = user;
    if (!listen_start(listener))
    {
        *reterr = "the HTTP library cannot be started (is its libuv plugin installed?)";
        listen_destroy(listener);
        return NULL;
    }
    listener->watch = loop_watch_create(loop, fd, LOOP_READ, listen_on_accept, listener);
    return listener;
}

/* The context ends in two steps: its handles have to leave the loop in between. */
static void
listen_at_end(void *user)
{
    struct listener *listener = user;

    lws_context_destroy(listener->context);
    free(listener);
}

void
listen_destroy(struct listener *listener)
{
    if (listener == NULL)
    {
        return;
    }
    loop_watch_destroy(listener->watch);
    close(listener->fd);
    if (listener->context == NULL)
    {
        free(listener);
        return;
    }
    lws_context_destroy(listener->context);
    loop_at_end(listener->loop, listen_at_end, listener);
}

int
listen_port(const struct listener *listener)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);

    if (getsockname(listener->fd, (struct sockaddr *) &address, &len) != 0)
    {
        return 0;
    }
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *) &address)->sin6_port
                                               : ((struct sockaddr_in *) &address)->sin_port);
}
