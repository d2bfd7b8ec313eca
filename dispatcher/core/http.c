/* The door to all exchanges; HTTP/1.1 and links on libcurl's multi interface. */
#include "core/http.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "core/body.h"
#include "core/failpoint.h"
#include "core/http2.h"
#include "core/http_address.h"
#include "core/http_alpn.h"
#include "core/http_answer.h"
#include "core/http_link.h"
#include "core/log.h"
#include "core/mail.h"
#include "core/mem.h"

#define HTTP_POOL_MAX 1024
#define HTTP_CONNECTIONS_KEPT 1024
#define HTTP_TOTAL_TIMEOUT_MS 30000
#define HTTP_CONNECT_TIMEOUT_MS 10000

/* What libcurl works on: an exchange, or a link being set up. The first member of both. */
struct http_transfer
{
    struct http_transfer *next;
    struct http_transfer **link; /* what points at this one */
    struct http *http;
    struct http_engine *engine;
    CURL *easy;
    void (*ended)(struct http_transfer *transfer, CURLcode rc);
    bool public_addresses;
    const char *allow_addresses;
    bool forbidden; /* a peer's address was refused */
};

struct http_exchange
{
    struct http_transfer transfer;
    struct http_exchange *next_finished;
    const struct wire_request *request;
    const struct http_options *options;
    struct arena *arena;
    http_done_fn done;
    void *user;

    struct curl_slist *headers;
    struct body_reader body;
    size_t uploaded; /* bytes of the body that libcurl took */
    struct http_answer answer;
    bool headers_done;
};

struct http_link
{
    struct http_transfer transfer;
    struct http_link_events events;
    void *user;
    bool is_http2;
};

/* A multi handle driven by the loop. */
struct http_engine
{
    struct http *http;
    CURLM *multi;
    struct loop_timer *timer;
};

struct http
{
    struct loop *loop;
    struct http_engine exchanges;
    struct http_engine links;    /* apart, because links count against a multi's connection limit */
    struct loop_timer *deferred; /* delivers what ended before it began */
    struct mail *mail;
    struct http2 *http2;
    struct http_transfer *active;
    struct http_exchange *finished; /* to be called back, oldest first */
    struct http_exchange **finished_end;
    CURL *pool[HTTP_POOL_MAX];
    size_t pool_count;
    size_t in_flight;
};

struct http_socket
{
    struct http_engine *engine;
    curl_socket_t fd;
    struct loop_watch *watch;
};

/* ---- libcurl's callbacks about one exchange ---- */

static size_t
http_on_read(char *ret, size_t size, size_t count, void *user)
{
    struct http_exchange *exchange = user;
    size_t left = exchange->request->body_len - exchange->uploaded;
    size_t len = 0;

    if (left > 0)
    {
        FAILPOINT("K2", NULL);
        len = body_read(&exchange->body, ret, size * count);
        exchange->uploaded += len;
    }
    if (len > 0 && len == left)
    {
        FAILPOINT_NOTE("K3");
        FAILPOINT_NOTE("K4");
    }
    return len;
}

/* libcurl wants to send the body again: a request is sent once. */
static int
http_on_seek(void *user, curl_off_t offset, int origin)
{
    (void) user;
    (void) offset;
    (void) origin;
    return CURL_SEEKFUNC_FAIL;
}

static size_t
http_on_body(char *data, size_t size, size_t count, void *user)
{
    struct http_exchange *exchange = user;

    return http_answer_add_body(&exchange->answer, data, size * count) ? size * count : 0;
}

static size_t
http_on_header(char *data, size_t size, size_t count, void *user)
{
    struct http_exchange *exchange = user;
    size_t len = size * count;
    const char *colon;

    if (len >= 5 && memcmp(data, "HTTP/", 5) == 0)
    {
        FAILPOINT("K5", NULL);
        http_answer_restart(&exchange->answer);
        exchange->headers_done = false;
    }
    else if (len <= 2)
    {
        exchange->headers_done = true;
    }
    else if (!exchange->headers_done && (colon = memchr(data, ':', len)) != NULL)
    {
        http_answer_add_header(&exchange->answer, data, (size_t) (colon - data), colon + 1,
                               len - (size_t) (colon + 1 - data),
                               loop_wall_us(exchange->transfer.http->loop));
    }
    return len;
}

static curl_socket_t
http_on_open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct http_transfer *transfer = user;

    (void) purpose;
    if (transfer->public_addresses && http_address_is_private(&address->addr, address->addrlen) &&
        !http_address_in_list(&address->addr, address->addrlen, transfer->allow_addresses))
    {
        transfer->forbidden = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/*
 * The connection is ready and nothing of the request has been sent. A reused one may have been
 * opened for an account that may reach more addresses, so the peer is judged again.
 */
static int
http_on_ready(void *user, char *primary_ip, char *local_ip, int primary_port, int local_port)
{
    struct http_transfer *transfer = user;

    (void) local_ip;
    (void) primary_port;
    (void) local_port;
    if (transfer->public_addresses &&
        !http_address_text_allowed(primary_ip, transfer->allow_addresses))
    {
        transfer->forbidden = true;
        return CURL_PREREQFUNC_ABORT;
    }
    return CURL_PREREQFUNC_OK;
}

/* ---- setting up a handle ---- */

static bool
http_has_prefix(const char *text, const char *prefix)
{
    return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

static void
http_slist_add(struct curl_slist **list, const char *text)
{
    struct curl_slist *longer = curl_slist_append(*list, text);

    if (longer == NULL)
    {
        mem_exhausted();
    }
    *list = longer;
}

static void
http_set_headers(struct http_exchange *exchange)
{
    const struct wire_request *request = exchange->request;
    bool typed = false;

    for (size_t i = 0; i < request->header_count; i++)
    {
        const struct wire_header *header = &request->headers[i];

        typed = typed || strcasecmp(header->name, "content-type") == 0;
        /* libcurl's way to spell an empty value; "name:" would mean to leave the header out. */
        http_slist_add(&exchange->headers,
                       *header->value == '\0'
                           ? arena_printf(exchange->arena, "%s;", header->name)
                           : arena_printf(exchange->arena, "%s: %s", header->name, header->value));
    }
    if (!typed)
    {
        http_slist_add(&exchange->headers, "Content-Type:");
    }
    http_slist_add(&exchange->headers, "Expect:");
    http_slist_add(&exchange->headers, "User-Agent: " HTTP_USER_AGENT);
    curl_easy_setopt(exchange->transfer.easy, CURLOPT_HTTPHEADER, exchange->headers);
}

static void
http_set_http(struct http_exchange *exchange)
{
    const struct wire_request *request = exchange->request;
    const char *method = request->method != NULL ? request->method : "POST";
    CURL *easy = exchange->transfer.easy;

    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
                     exchange->options->allow_http ? "http,https" : "https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->fresh_connection ? 1L : 0L);
    http_set_headers(exchange);
    if (strcmp(method, "GET") == 0)
    {
        return;
    }
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body_len);
    if (strcmp(method, "POST") != 0)
    {
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    }
    if (request->body_len == 0)
    {
        /* Nothing to rewind, so a dead reused connection would make libcurl send it again. */
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    }
}

static void
http_set_callbacks(struct http_exchange *exchange)
{
    CURL *easy = exchange->transfer.easy;

    curl_easy_setopt(easy, CURLOPT_READFUNCTION, http_on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, http_on_seek);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, http_on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, http_on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
}

static void
http_set_timeouts(CURL *easy, const struct http_options *options)
{
    int64_t total = options->total_timeout_ms;
    int64_t connect = options->connect_timeout_ms;

    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long) (total > 0 ? total : HTTP_TOTAL_TIMEOUT_MS));
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long) (connect > 0 ? connect : HTTP_CONNECT_TIMEOUT_MS));
    if (options->idle_max_s > 0)
    {
        curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long) options->idle_max_s);
    }
}

/* What exchanges and links have in common. */
static void
http_set_transport(struct http_transfer *transfer, const struct wire_request *request,
                   const struct http_options *options)
{
    CURL *easy = transfer->easy;

    transfer->public_addresses = request->public_addresses;
    transfer->allow_addresses = options->allow_addresses;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, http_on_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, http_on_ready);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    http_set_timeouts(easy, options);
    if (options->ca_file != NULL)
    {
        curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
    }
    else
    {
        /* With the bundle alone libcurl keeps the parsed anchors between connections. */
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    if (request->username != NULL)
    {
        curl_easy_setopt(easy, CURLOPT_USERNAME, request->username);
        curl_easy_setopt(easy, CURLOPT_PASSWORD, request->password);
    }
}

static CURL *
http_take_handle(struct http *http)
{
    CURL *easy;

    if (http->pool_count > 0)
    {
        return http->pool[--http->pool_count];
    }
    easy = curl_easy_init();
    if (easy == NULL)
    {
        mem_exhausted();
    }
    return easy;
}

static void
http_return_handle(struct http *http, CURL *easy)
{
    curl_easy_reset(easy);
    if (http->pool_count < HTTP_POOL_MAX)
    {
        http->pool[http->pool_count++] = easy;
    }
    else
    {
        curl_easy_cleanup(easy);
    }
}

/* ---- the life of an exchange ---- */

static void
http_finish(struct http_exchange *exchange)
{
    struct http *http = exchange->transfer.http;

    exchange->next_finished = NULL;
    *http->finished_end = exchange;
    http->finished_end = &exchange->next_finished;
}

/* Hand the transfer to libcurl; false with the handle given back when it refuses. */
static bool
http_add(struct http_transfer *transfer)
{
    struct http *http = transfer->http;
    CURLMcode rc = curl_multi_add_handle(transfer->engine->multi, transfer->easy);

    if (rc != CURLM_OK)
    {
        log_event(LOG_ERROR, "transfer not started", "error", curl_multi_strerror(rc), NULL);
        http_return_handle(http, transfer->easy);
        transfer->easy = NULL;
        return false;
    }
    transfer->next = http->active;
    transfer->link = &http->active;
    if (transfer->next != NULL)
    {
        transfer->next->link = &transfer->next;
    }
    http->active = transfer;
    return true;
}

/* A failed transfer's handle is not used again: libcurl 8 may still owe that one a rewinding. */
static void
http_remove(struct http_transfer *transfer, bool failed)
{
    curl_multi_remove_handle(transfer->engine->multi, transfer->easy);
    *transfer->link = transfer->next;
    if (transfer->next != NULL)
    {
        transfer->next->link = transfer->link;
    }
    if (failed)
    {
        curl_easy_cleanup(transfer->easy);
    }
    else
    {
        http_return_handle(transfer->http, transfer->easy);
    }
    transfer->easy = NULL;
}

static void
http_fail(struct http_exchange *exchange, enum wire_result result, const char *error)
{
    exchange->answer.wire->result = result;
    exchange->answer.wire->error = error;
    http_finish(exchange);
    loop_timer_start(exchange->transfer.http->deferred, 0, 0);
}

static void http_exchange_ended(struct http_transfer *transfer, CURLcode rc);

static struct http_exchange *
http_new_exchange(struct http *http, const struct wire_request *request, struct arena *arena,
                  http_done_fn done, void *user)
{
    struct http_exchange *exchange = mem_alloc(sizeof(*exchange));

    exchange->transfer.http = http;
    exchange->transfer.engine = &http->exchanges;
    exchange->transfer.ended = http_exchange_ended;
    exchange->request = request;
    exchange->arena = arena;
    exchange->done = done;
    exchange->user = user;
    http_answer_init(&exchange->answer, arena, request->answer_max);
    http->in_flight++;
    return exchange;
}

static void
http_free_exchange(struct http_exchange *exchange)
{
    curl_slist_free_all(exchange->headers);
    http_answer_finish(&exchange->answer);
    free(exchange);
}

/* Over HTTP/1.1. */
static void
http_start_http1(struct http *http, const struct wire_request *request,
                 const struct http_options *options, struct arena *arena, http_done_fn done,
                 void *user)
{
    const char *problem = wire_request_problem(request, options->allow_http);
    struct http_exchange *exchange = http_new_exchange(http, request, arena, done, user);

    exchange->options = options;
    body_start(&exchange->body, request);
    if (problem != NULL)
    {
        http_fail(exchange, WIRE_FORBIDDEN, problem);
        return;
    }
    if (request->http2_required)
    {
        http_fail(exchange, WIRE_NOT_HTTP2, "the peer does not speak HTTP/2");
        return;
    }
    exchange->transfer.easy = http_take_handle(http);
    http_set_transport(&exchange->transfer, request, options);
    http_set_callbacks(exchange);
    http_set_http(exchange);
    if (!http_add(&exchange->transfer))
    {
        curl_slist_free_all(exchange->headers);
        http_fail(exchange, WIRE_NOT_SENT, "the transfer could not be started");
    }
}

void
http_start(struct http *http, const struct wire_request *request,
           const struct http_options *options, struct arena *arena, http_done_fn done, void *user)
{
    bool allowed = wire_request_problem(request, options->allow_http) == NULL;

    if (allowed && request->kind == WIRE_MAIL)
    {
        mail_start(http->mail, request, options, arena, done, user);
    }
    else if (allowed && http_has_prefix(request->url, "https://"))
    {
        http2_start(http->http2, request, options, arena, done, user);
    }
    else
    {
        http_start_http1(http, request, options, arena, done, user);
    }
}

size_t
http_in_flight(const struct http *http)
{
    return http->in_flight + mail_in_flight(http->mail) + http2_in_flight(http->http2);
}

/* ---- judging what libcurl says ---- */

/* Did the whole request leave? While unsure, yes: then it may have been executed. */
static bool
http_was_sent(const struct http_exchange *exchange, CURLcode rc)
{
    curl_off_t body_len = (curl_off_t) exchange->request->body_len;
    curl_off_t upload_size = 0;
    long request_size = 0;

    curl_easy_getinfo(exchange->transfer.easy, CURLINFO_REQUEST_SIZE, &request_size);
    curl_easy_getinfo(exchange->transfer.easy, CURLINFO_SIZE_UPLOAD_T, &upload_size);
    if (rc == CURLE_SEND_FAIL_REWIND)
    {
        /* libcurl was about to repeat the request, and had reset this counter. */
        upload_size = body_len;
    }
    return request_size > 0 && upload_size >= body_len &&
           exchange->uploaded >= exchange->request->body_len;
}

static enum wire_result
http_judge_http(struct http_exchange *exchange, CURLcode rc)
{
    struct wire_answer *answer = exchange->answer.wire;
    long status = 0;

    curl_easy_getinfo(exchange->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200)
    {
        answer->status = (int) status;
        return WIRE_ANSWERED;
    }
    switch (rc)
    {
        case CURLE_COULDNT_RESOLVE_PROXY:
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_CONNECT:
        case CURLE_PROXY:
            return WIRE_NOT_SENT;
        default:
            return http_was_sent(exchange, rc) ? WIRE_AMBIGUOUS : WIRE_NOT_SENT;
    }
}

static const char *
http_error_text(const struct http_exchange *exchange, enum wire_result result, CURLcode rc)
{
    switch (result)
    {
        case WIRE_ANSWERED:
            return NULL;
        case WIRE_FORBIDDEN:
            return rc == CURLE_COULDNT_CONNECT || rc == CURLE_ABORTED_BY_CALLBACK
                       ? "the peer's address is not a public one"
                       : "the URL cannot be used";
        default:
            return arena_printf(exchange->arena, "%s (curl %d)", curl_easy_strerror(rc), (int) rc);
    }
}

static void
http_judge(struct http_exchange *exchange, CURLcode rc)
{
    struct wire_answer *answer = exchange->answer.wire;
    curl_off_t total_us = 0;

    curl_easy_getinfo(exchange->transfer.easy, CURLINFO_TOTAL_TIME_T, &total_us);
    answer->latency_us = (int64_t) total_us;
    if (rc == CURLE_URL_MALFORMAT || rc == CURLE_UNSUPPORTED_PROTOCOL)
    {
        /* Also what libcurl says to an answer that is no HTTP: then something was sent. */
        answer->result = http_was_sent(exchange, rc) ? WIRE_AMBIGUOUS : WIRE_FORBIDDEN;
    }
    else if (exchange->transfer.forbidden &&
             (rc == CURLE_COULDNT_CONNECT || rc == CURLE_ABORTED_BY_CALLBACK))
    {
        answer->result = WIRE_FORBIDDEN;
    }
    else
    {
        answer->result = http_judge_http(exchange, rc);
    }
    answer->error = http_error_text(exchange, answer->result, rc);
    http_answer_complete(&exchange->answer, rc != CURLE_OK);
}

static void
http_exchange_ended(struct http_transfer *transfer, CURLcode rc)
{
    struct http_exchange *exchange = (struct http_exchange *) transfer;

    http_judge(exchange, rc);
    http_remove(transfer, rc != CURLE_OK);
    curl_slist_free_all(exchange->headers);
    exchange->headers = NULL;
    http_finish(exchange);
}

/* ---- links ---- */

static size_t
http_on_link_line(char *data, size_t size, size_t count, void *user)
{
    struct http_link *link = user;

    link->events.line(link->user, data, size * count);
    return size * count;
}

static void
http_link_ended(struct http_transfer *transfer, CURLcode rc)
{
    struct http_link *link = (struct http_link *) transfer;
    enum http_link_result result = HTTP_LINK_FAILED;
    const char *error = curl_easy_strerror(rc);

    if (rc == CURLE_OK)
    {
        result = HTTP_LINK_UP;
    }
    else if (rc == CURLE_LOGIN_DENIED || rc == CURLE_USE_SSL_FAILED)
    {
        result = HTTP_LINK_AUTH;
    }
    else if (transfer->forbidden)
    {
        result = HTTP_LINK_FORBIDDEN;
        error = "the peer's address is not a public one";
    }
    else if (rc == CURLE_URL_MALFORMAT || rc == CURLE_UNSUPPORTED_PROTOCOL)
    {
        result = HTTP_LINK_FORBIDDEN;
        error = "the URL cannot be used";
    }
    link->events.ready(link->user, result, error);
}

/* libcurl would speak HTTP/2 itself, were the protocol not offered behind its back. */
static CURLcode
http_offer_http2(CURL *easy, void *ctx, void *link)
{
    (void) easy;
    return http_alpn_offer(ctx, &((struct http_link *) link)->is_http2) ? CURLE_OK
                                                                        : CURLE_OUT_OF_MEMORY;
}

bool
http_link_is_http2(const struct http_link *link)
{
    return link->is_http2;
}

struct http_link *
http_link_open(struct http *http, const struct wire_request *request,
               const struct http_options *options, const struct http_link_events *events,
               void *user)
{
    struct http_link *link = mem_alloc(sizeof(*link));
    CURL *easy = http_take_handle(http);

    link->transfer.http = http;
    link->transfer.engine = &http->links;
    link->transfer.easy = easy;
    link->transfer.ended = http_link_ended;
    link->events = *events;
    link->user = user;
    http_set_transport(&link->transfer, request, options);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https,smtp,smtps");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, link);
    if (http_has_prefix(request->url, "https://"))
    {
        curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, http_offer_http2);
    }
    curl_easy_setopt(easy, CURLOPT_USE_SSL,
                     (long) (request->starttls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, http_on_link_line);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, link);
    if (!http_add(&link->transfer))
    {
        mem_exhausted(); /* the only reason left: the handle is new and the arguments are fixed */
    }
    return link;
}

void
http_link_close(struct http_link *link)
{
    if (link != NULL)
    {
        http_remove(&link->transfer, false);
        free(link);
    }
}

int
http_link_fd(const struct http_link *link)
{
    curl_socket_t fd = CURL_SOCKET_BAD;

    curl_easy_getinfo(link->transfer.easy, CURLINFO_ACTIVESOCKET, &fd);
    return (int) fd;
}

ssize_t
http_link_send(struct http_link *link, const void *data, size_t len)
{
    size_t sent = 0;
    CURLcode rc = curl_easy_send(link->transfer.easy, data, len, &sent);

    return rc == CURLE_OK ? (ssize_t) sent : rc == CURLE_AGAIN ? 0 : -1;
}

ssize_t
http_link_receive(struct http_link *link, void *ret, size_t size)
{
    size_t len = 0;
    CURLcode rc = curl_easy_recv(link->transfer.easy, ret, size, &len);

    if (rc == CURLE_AGAIN)
    {
        return 0;
    }
    return rc == CURLE_OK && len > 0 ? (ssize_t) len : -1;
}

/* ---- libcurl and the loop ---- */

/* Call back what has ended. The callbacks may start exchanges. */
static void
http_deliver(struct http *http)
{
    struct http_exchange *exchange;

    while ((exchange = http->finished) != NULL)
    {
        http->finished = exchange->next_finished;
        if (http->finished == NULL)
        {
            http->finished_end = &http->finished;
        }
        http->in_flight--;
        exchange->done(exchange->user, exchange->answer.wire);
        http_free_exchange(exchange);
    }
}

static void
http_on_deferred(void *user)
{
    http_deliver(user);
}

static void
http_action(struct http_engine *engine, curl_socket_t fd, int events)
{
    CURLMsg *message;
    int left;
    CURLMcode rc = curl_multi_socket_action(engine->multi, fd, events, &left);

    FAILPOINT_NOTED("K3");
    if (rc != CURLM_OK)
    {
        log_event(LOG_ERROR, "transfer library failed", "error", curl_multi_strerror(rc), NULL);
    }
    while ((message = curl_multi_info_read(engine->multi, &left)) != NULL)
    {
        struct http_transfer *transfer = NULL;

        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        transfer->ended(transfer, message->data.result);
    }
    http_deliver(engine->http);
}

static void
http_on_timer(void *user)
{
    http_action(user, CURL_SOCKET_TIMEOUT, 0);
}

static void
http_on_socket(void *user, int events)
{
    const struct http_socket *socket = user;
    int bits = 0;

    if ((events & LOOP_READ) != 0)
    {
        FAILPOINT_NOTED("K4");
    }
    bits |= (events & LOOP_READ) != 0 ? CURL_CSELECT_IN : 0;
    bits |= (events & LOOP_WRITE) != 0 ? CURL_CSELECT_OUT : 0;
    http_action(socket->engine, socket->fd, bits);
}

static int
http_on_multi_timer(CURLM *multi, long timeout_ms, void *user)
{
    struct http_engine *engine = user;

    (void) multi;
    if (timeout_ms < 0)
    {
        loop_timer_stop(engine->timer);
    }
    else
    {
        loop_timer_start(engine->timer, timeout_ms, 0);
    }
    return 0;
}

static int
http_on_multi_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user)
{
    struct http_engine *engine = user;
    struct http_socket *socket = socket_user;
    int events = 0;

    (void) easy;
    if (what == CURL_POLL_REMOVE)
    {
        if (socket != NULL)
        {
            loop_watch_destroy(socket->watch);
            free(socket);
            curl_multi_assign(engine->multi, fd, NULL);
        }
        return 0;
    }
    events |= (what & CURL_POLL_IN) != 0 ? LOOP_READ : 0;
    events |= (what & CURL_POLL_OUT) != 0 ? LOOP_WRITE : 0;
    if (socket != NULL)
    {
        loop_watch_set(socket->watch, events);
        return 0;
    }
    socket = mem_alloc(sizeof(*socket));
    socket->engine = engine;
    socket->fd = fd;
    socket->watch = loop_watch_create(engine->http->loop, fd, events, http_on_socket, socket);
    curl_multi_assign(engine->multi, fd, socket);
    return 0;
}

static void
http_engine_init(struct http_engine *engine, struct http *http)
{
    engine->http = http;
    engine->multi = curl_multi_init();
    if (engine->multi == NULL)
    {
        mem_exhausted();
    }
    engine->timer = loop_timer_create(http->loop, http_on_timer, engine);
    curl_multi_setopt(engine->multi, CURLMOPT_SOCKETFUNCTION, http_on_multi_socket);
    curl_multi_setopt(engine->multi, CURLMOPT_SOCKETDATA, engine);
    curl_multi_setopt(engine->multi, CURLMOPT_TIMERFUNCTION, http_on_multi_timer);
    curl_multi_setopt(engine->multi, CURLMOPT_TIMERDATA, engine);
    curl_multi_setopt(engine->multi, CURLMOPT_MAXCONNECTS, (long) HTTP_CONNECTIONS_KEPT);
}

static void
http_engine_finish(struct http_engine *engine)
{
    curl_multi_cleanup(engine->multi);
    loop_timer_destroy(engine->timer);
}

struct http *
http_create(struct loop *loop, int max_streams, int max_connections)
{
    static const struct http2_doors doors = { http_start_http1 };
    struct http *http = mem_alloc(sizeof(*http));

    curl_global_init(CURL_GLOBAL_DEFAULT);
    http->loop = loop;
    http->finished_end = &http->finished;
    http->deferred = loop_timer_create(loop, http_on_deferred, http);
    http->mail = mail_create(loop, http, max_connections);
    http_engine_init(&http->links, http);
    http_engine_init(&http->exchanges, http);
    http->http2 = http2_create(loop, http, max_streams, max_connections, &doors);
    curl_multi_setopt(http->exchanges.multi, CURLMOPT_PIPELINING, (long) CURLPIPE_NOTHING);
    curl_multi_setopt(http->exchanges.multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long) max_connections);
    return http;
}

void
http_destroy(struct http *http)
{
    struct http_exchange *exchange;

    if (http == NULL)
    {
        return;
    }
    mail_destroy(http->mail);
    http2_destroy(http->http2); /* the last links, so only exchanges are left */
    while ((exchange = (struct http_exchange *) http->active) != NULL)
    {
        http_remove(&exchange->transfer, false);
        http_free_exchange(exchange);
    }
    while ((exchange = http->finished) != NULL)
    {
        http->finished = exchange->next_finished;
        http_free_exchange(exchange);
    }
    while (http->pool_count > 0)
    {
        curl_easy_cleanup(http->pool[--http->pool_count]);
    }
    http_engine_finish(&http->exchanges);
    http_engine_finish(&http->links);
    loop_timer_destroy(http->deferred);
    free(http);
    curl_global_cleanup();
}
