/* Origins, their connections, and the exchanges that wait for one. */
#include "core/http2.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "core/crypto.h"
#include "core/http2_session.h"
#include "core/http_link.h"
#include "core/mem.h"

enum
{
    ORIGINS_MAX = 1024, /* idle ones beyond this are forgotten */
    SWEEP_MS = 50,      /* how exact timeouts are */
    REOPEN_MS = 1000,
    TOTAL_TIMEOUT_MS = 30000
};

#define SCHEME "https://"

struct http2_exchange
{
    struct http2_call call; /* the first member */
    struct http2_exchange *previous;
    struct http2_exchange *next; /* of the origin: waiting, in flight, or of the pool: finished */
    struct http2_origin *origin;
    const struct http_options *options;
    struct arena *arena;
    http_done_fn done;
    void *user;
    int64_t started_us;
    int64_t deadline_ms;
};

struct http2_list
{
    struct http2_exchange *first;
    struct http2_exchange *last;
    size_t count;
};

struct http2_connection
{
    struct http2_connection *next;
    struct http2_origin *origin;
    struct http_link *link; /* while it is set up */
    struct http2_session *session;
    int64_t used_ms;
    struct wire_request request;
    struct http_options options;
};

/* Where connections lead to, and under which terms: only equal ones are shared. */
struct http2_origin
{
    struct http2_origin *next;
    struct http2 *http2;
    char *url; /* "https://host:port" */
    size_t url_len;
    char *authority;
    char *ca_file;
    char *allow_addresses;
    bool public_addresses;
    bool without_http2; /* the last connection spoke something else */
    struct http2_connection *connections;
    int connection_count;
    int connecting;
    int64_t reopen_ms; /* no further connection before, because the last one failed */
    struct http2_list waiting;
    struct http2_list flying;
};

struct http2
{
    struct loop *loop;
    struct http *http;
    struct http2_doors doors;
    int max_streams;
    int max_connections;
    struct http2_origin *origins; /* the last used first */
    int origin_count;
    struct http2_list finished; /* to be called back, oldest first */
    struct loop_timer *deferred;
    struct loop_timer *sweeper;
    bool sweeping;
    size_t in_flight;
};

static void origin_advance(struct http2_origin *origin);

static int64_t
now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- lists of exchanges ---- */

static void
list_append(struct http2_list *list, struct http2_exchange *exchange)
{
    exchange->next = NULL;
    exchange->previous = list->last;
    *(list->last != NULL ? &list->last->next : &list->first) = exchange;
    list->last = exchange;
    list->count++;
}

static void
list_remove(struct http2_list *list, struct http2_exchange *exchange)
{
    *(exchange->previous != NULL ? &exchange->previous->next : &list->first) = exchange->next;
    *(exchange->next != NULL ? &exchange->next->previous : &list->last) = exchange->previous;
    list->count--;
}

/* ---- the end of an exchange ---- */

static void
exchange_free(struct http2_exchange *exchange)
{
    http_answer_finish(&exchange->call.answer);
    free(exchange);
}

/* Off its list already. The callback comes later, never from inside a library's. */
static void
exchange_finish(struct http2_exchange *exchange, enum wire_result result, const char *error)
{
    struct http2 *http2 = exchange->origin->http2;
    struct wire_answer *wire = exchange->call.answer.wire;

    wire->result = result;
    wire->error = error;
    wire->latency_us = now_us() - exchange->started_us;
    wire->status = result == WIRE_ANSWERED ? wire->status : 0;
    list_append(&http2->finished, exchange);
    loop_timer_start(http2->deferred, 0, 0);
}

static void
on_ended(void *user, struct http2_call *call, enum http2_end end)
{
    struct http2_exchange *exchange = (struct http2_exchange *) call;

    (void) user;
    list_remove(&exchange->origin->flying, exchange);
    http_answer_complete(&call->answer, end != HTTP2_ANSWERED);
    if (end == HTTP2_ANSWERED || end == HTTP2_CUT)
    {
        exchange_finish(exchange, WIRE_ANSWERED, NULL);
    }
    else if (end == HTTP2_REFUSED || !call->sent)
    {
        exchange_finish(exchange, WIRE_NOT_SENT, "the peer did not take the request");
    }
    else
    {
        exchange_finish(exchange, WIRE_AMBIGUOUS, "the connection ended before an answer");
    }
}

static void
on_deferred(void *user)
{
    struct http2 *http2 = user;
    struct http2_exchange *exchange;

    while ((exchange = http2->finished.first) != NULL)
    {
        list_remove(&http2->finished, exchange);
        http2->in_flight--;
        exchange->done(exchange->user, exchange->call.answer.wire);
        exchange_free(exchange);
    }
}

/* ---- timeouts ---- */

static void
exchange_time_out(struct http2_exchange *exchange)
{
    struct http2_call *call = &exchange->call;
    struct http2_session *session = call->session;

    if (session == NULL)
    {
        list_remove(&exchange->origin->waiting, exchange);
        exchange_finish(exchange, WIRE_NOT_SENT, "no connection before the timeout");
        return;
    }
    if (http2_session_heard_ms(session) * 1000 < exchange->started_us)
    {
        /* Nothing came since: the connection may lead nowhere. */
        http2_session_retire(session);
    }
    list_remove(&exchange->origin->flying, exchange);
    http2_session_cancel(call);
    if (call->answer.wire->status >= 200)
    {
        http_answer_complete(&call->answer, true);
        exchange_finish(exchange, WIRE_ANSWERED, NULL);
        return;
    }
    exchange_finish(exchange, call->sent ? WIRE_AMBIGUOUS : WIRE_NOT_SENT,
                    "no answer before the timeout");
}

static void
list_time_out(struct http2_list *list, int64_t now_ms)
{
    struct http2_exchange *next;

    for (struct http2_exchange *exchange = list->first; exchange != NULL; exchange = next)
    {
        next = exchange->next;
        if (exchange->deadline_ms <= now_ms)
        {
            exchange_time_out(exchange);
        }
    }
}

static void
on_sweep(void *user)
{
    struct http2 *http2 = user;
    int64_t now_ms = loop_now_ms(http2->loop);

    for (struct http2_origin *origin = http2->origins; origin != NULL; origin = origin->next)
    {
        list_time_out(&origin->waiting, now_ms);
        list_time_out(&origin->flying, now_ms);
    }
    if (http2->in_flight == 0)
    {
        loop_timer_stop(http2->sweeper);
        http2->sweeping = false;
    }
}

/* ---- connections ---- */

static void
connection_close(struct http2_connection *connection)
{
    struct http2_origin *origin = connection->origin;
    struct http2_connection **link = &origin->connections;

    while (*link != connection)
    {
        link = &(*link)->next;
    }
    *link = connection->next;
    origin->connection_count--;
    http_link_close(connection->link);
    http2_session_destroy(connection->session);
    free(connection);
}

static void
on_settled(void *user)
{
    struct http2_connection *connection = user;
    struct http2_origin *origin = connection->origin;

    connection->used_ms = loop_now_ms(origin->http2->loop);
    if (http2_session_is_over(connection->session))
    {
        connection_close(connection);
    }
    origin_advance(origin);
}

/* Nothing can be sent: all that waits ends the same way. */
static void
origin_fail(struct http2_origin *origin, enum wire_result result, const char *error)
{
    struct http2_exchange *exchange;

    while ((exchange = origin->waiting.first) != NULL)
    {
        list_remove(&origin->waiting, exchange);
        exchange_finish(exchange, result, error);
    }
}

/* Hand what waits to HTTP/1.1; what insists on HTTP/2 has not been sent and fails. */
static void
origin_leave_http2(struct http2_origin *origin)
{
    struct http2 *http2 = origin->http2;
    struct http2_exchange *exchange;

    origin->without_http2 = true;
    while ((exchange = origin->waiting.first) != NULL)
    {
        list_remove(&origin->waiting, exchange);
        if (exchange->call.request->http2_required)
        {
            exchange_finish(exchange, WIRE_NOT_HTTP2, "the peer does not speak HTTP/2");
            continue;
        }
        http2->in_flight--;
        http2->doors.without_http2(http2->http, exchange->call.request, exchange->options,
                                   exchange->arena, exchange->done, exchange->user);
        exchange_free(exchange);
    }
}

static void
on_ready(void *user, enum http_link_result result, const char *error)
{
    static const struct http2_session_events events = { on_ended, on_settled };
    struct http2_connection *connection = user;
    struct http2_origin *origin = connection->origin;
    struct http2 *http2 = origin->http2;

    origin->connecting--;
    if (result == HTTP_LINK_UP && http_link_is_http2(connection->link))
    {
        origin->without_http2 = false;
        connection->used_ms = loop_now_ms(http2->loop);
        connection->session = http2_session_create(http2->loop, connection->link,
                                                   http2->max_streams, &events, connection);
        connection->link = NULL;
        origin_advance(origin);
        return;
    }
    connection_close(connection);
    if (result == HTTP_LINK_UP)
    {
        origin_leave_http2(origin);
    }
    else if (origin->connection_count > 0)
    {
        origin->reopen_ms = loop_now_ms(http2->loop) + REOPEN_MS;
    }
    else
    {
        origin_fail(origin, result == HTTP_LINK_FORBIDDEN ? WIRE_FORBIDDEN : WIRE_NOT_SENT, error);
    }
}

static void
on_line(void *user, const char *line, size_t len)
{
    (void) user;
    (void) line;
    (void) len;
}

static void
connection_open(struct http2_origin *origin, const struct http_options *options)
{
    static const struct http_link_events events = { on_line, on_ready };
    struct http2_connection *connection = mem_alloc(sizeof(*connection));

    connection->origin = origin;
    connection->request.url = origin->url;
    connection->request.public_addresses = origin->public_addresses;
    connection->options = *options;
    connection->options.ca_file = origin->ca_file;
    connection->options.allow_addresses = origin->allow_addresses;
    connection->next = origin->connections;
    origin->connections = connection;
    origin->connection_count++;
    origin->connecting++;
    connection->link = http_link_open(origin->http2->http, &connection->request,
                                      &connection->options, &events, connection);
}

/* ---- giving exchanges to connections ---- */

/* The connection for the next call, or NULL; idle ones that are too old are closed on the way. */
static struct http2_connection *
origin_choose(struct http2_origin *origin, int64_t idle_max_ms)
{
    int64_t now_ms = loop_now_ms(origin->http2->loop);
    struct http2_connection *next;

    for (struct http2_connection *c = origin->connections; c != NULL; c = next)
    {
        next = c->next;
        if (c->session == NULL)
        {
            continue;
        }
        if (http2_session_calls(c->session) == 0 && idle_max_ms > 0 &&
            now_ms - c->used_ms > idle_max_ms)
        {
            connection_close(c);
        }
        else if (http2_session_room(c->session) > 0)
        {
            return c;
        }
    }
    return NULL;
}

static void
origin_retire_connections(struct http2_origin *origin)
{
    struct http2_connection *next;

    for (struct http2_connection *c = origin->connections; c != NULL; c = next)
    {
        next = c->next;
        if (c->session != NULL)
        {
            http2_session_retire(c->session);
            if (http2_session_is_over(c->session))
            {
                connection_close(c);
            }
        }
    }
}

static bool
origin_may_open(const struct http2_origin *origin)
{
    const struct http2 *http2 = origin->http2;

    return origin->connection_count == 0 ||
           (origin->connection_count < http2->max_connections &&
            origin->reopen_ms <= loop_now_ms(http2->loop) &&
            origin->waiting.count > (size_t) origin->connecting * (size_t) http2->max_streams);
}

/* Start what waits, as far as there is room, and open connections for the rest. */
static void
origin_advance(struct http2_origin *origin)
{
    struct http2_exchange *exchange;
    struct http2_connection *connection;

    while ((exchange = origin->waiting.first) != NULL &&
           (connection = origin_choose(origin, exchange->options->idle_max_s * 1000)) != NULL)
    {
        if (http2_session_start(connection->session, &exchange->call))
        {
            list_remove(&origin->waiting, exchange);
            list_append(&origin->flying, exchange);
        }
    }
    while (exchange != NULL && origin_may_open(origin))
    {
        connection_open(origin, exchange->options);
    }
}

/* ---- origins ---- */

static void
origin_free(struct http2_origin *origin)
{
    struct http2_exchange *exchange;

    while (origin->connections != NULL)
    {
        connection_close(origin->connections);
    }
    while ((exchange = origin->waiting.first) != NULL)
    {
        list_remove(&origin->waiting, exchange);
        exchange_free(exchange);
    }
    while ((exchange = origin->flying.first) != NULL)
    {
        list_remove(&origin->flying, exchange);
        exchange_free(exchange);
    }
    free(origin->url);
    free(origin->authority);
    free(origin->ca_file);
    free(origin->allow_addresses);
    free(origin);
}

static bool
is_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool
origin_fits(const struct http2_origin *origin, const struct wire_request *request, size_t url_len,
            const struct http_options *options)
{
    return origin->url_len == url_len && strncasecmp(origin->url, request->url, url_len) == 0 &&
           origin->public_addresses == request->public_addresses &&
           is_same(origin->ca_file, options->ca_file) &&
           is_same(origin->allow_addresses, options->allow_addresses);
}

/* Forget the origins that were not used for longest and have nothing to do. */
static void
http2_forget_origins(struct http2 *http2)
{
    struct http2_origin **link = &http2->origins;
    int kept = 0;

    while (*link != NULL)
    {
        struct http2_origin *origin = *link;
        bool idle = origin->waiting.count == 0 && origin->flying.count == 0;

        if (++kept > ORIGINS_MAX / 2 && idle)
        {
            *link = origin->next;
            http2->origin_count--;
            origin_free(origin);
        }
        else
        {
            link = &origin->next;
        }
    }
}

static struct http2_origin *
origin_create(struct http2 *http2, const struct wire_request *request, size_t url_len,
              const struct http_options *options)
{
    struct http2_origin *origin = mem_alloc(sizeof(*origin));
    size_t scheme = strlen(SCHEME);
    size_t len = url_len;

    if (http2->origin_count >= ORIGINS_MAX)
    {
        http2_forget_origins(http2);
    }
    origin->http2 = http2;
    origin->url = mem_strndup(request->url, url_len);
    origin->url_len = url_len;
    if (len > scheme + 4 && strncmp(origin->url + len - 4, ":443", 4) == 0)
    {
        len -= 4;
    }
    origin->authority = mem_strndup(request->url + scheme, len - scheme);
    for (char *p = origin->authority; *p != '\0'; p++)
    {
        *p = (char) tolower((unsigned char) *p);
    }
    origin->ca_file = mem_strdup(options->ca_file);
    origin->allow_addresses = mem_strdup(options->allow_addresses);
    origin->public_addresses = request->public_addresses;
    http2->origin_count++;
    return origin;
}

/* The origin of a request, in front of the list. */
static struct http2_origin *
http2_origin(struct http2 *http2, const struct wire_request *request, size_t url_len,
             const struct http_options *options)
{
    struct http2_origin **link = &http2->origins;
    struct http2_origin *origin;

    while (*link != NULL && !origin_fits(*link, request, url_len, options))
    {
        link = &(*link)->next;
    }
    origin = *link;
    if (origin != NULL)
    {
        *link = origin->next;
    }
    else
    {
        origin = origin_create(http2, request, url_len, options);
    }
    origin->next = http2->origins;
    http2->origins = origin;
    return origin;
}

/* ---- the door ---- */

/* Can the URL be sent as it is? Anything odd is libcurl's to judge. */
static bool
is_plain_url(const char *url)
{
    for (const char *p = url; *p != '\0'; p++)
    {
        if ((unsigned char) *p <= ' ' || (unsigned char) *p >= 0x7f || *p == '#' || *p == '\\')
        {
            return false;
        }
    }
    return url[strcspn(url + strlen(SCHEME), "@/?") + strlen(SCHEME)] != '@';
}

static struct http2_exchange *
exchange_create(struct http2_origin *origin, const struct wire_request *request,
                const struct http_options *options, struct arena *arena)
{
    struct http2_exchange *exchange = mem_alloc(sizeof(*exchange));
    struct http2 *http2 = origin->http2;
    const char *path = request->url + origin->url_len;
    int64_t timeout_ms = options->total_timeout_ms;

    exchange->origin = origin;
    exchange->options = options;
    exchange->arena = arena;
    exchange->started_us = now_us();
    exchange->deadline_ms =
        loop_now_ms(http2->loop) + (timeout_ms > 0 ? timeout_ms : TOTAL_TIMEOUT_MS);
    exchange->call.request = request;
    exchange->call.authority = origin->authority;
    exchange->call.path = *path == '/' ? path : arena_printf(arena, "/%s", path);
    if (request->username != NULL)
    {
        const char *pair = arena_printf(arena, "%s:%s", request->username, request->password);

        exchange->call.authorization =
            arena_printf(arena, "Basic %s", crypto_base64(arena, pair, strlen(pair)));
    }
    http_answer_init(&exchange->call.answer, arena, request->answer_max);
    return exchange;
}

void
http2_start(struct http2 *http2, const struct wire_request *request,
            const struct http_options *options, struct arena *arena, http_done_fn done, void *user)
{
    size_t scheme = strlen(SCHEME);
    size_t url_len = scheme + strcspn(request->url + scheme, "/?");
    struct http2_origin *origin;
    struct http2_exchange *exchange;

    if (!is_plain_url(request->url))
    {
        http2->doors.without_http2(http2->http, request, options, arena, done, user);
        return;
    }
    origin = http2_origin(http2, request, url_len, options);
    if (origin->without_http2 && !request->http2_required)
    {
        http2->doors.without_http2(http2->http, request, options, arena, done, user);
        return;
    }
    if (request->fresh_connection)
    {
        origin_retire_connections(origin);
    }
    exchange = exchange_create(origin, request, options, arena);
    exchange->done = done;
    exchange->user = user;
    http2->in_flight++;
    list_append(&origin->waiting, exchange);
    if (!http2->sweeping)
    {
        loop_timer_start(http2->sweeper, SWEEP_MS, SWEEP_MS);
        http2->sweeping = true;
    }
    origin_advance(origin);
}

size_t
http2_in_flight(const struct http2 *http2)
{
    return http2->in_flight;
}

struct http2 *
http2_create(struct loop *loop, struct http *http, int max_streams, int max_connections,
             const struct http2_doors *doors)
{
    struct http2 *http2 = mem_alloc(sizeof(*http2));

    http2->loop = loop;
    http2->http = http;
    http2->doors = *doors;
    http2->max_streams = max_streams;
    http2->max_connections = max_connections;
    http2->deferred = loop_timer_create(loop, on_deferred, http2);
    http2->sweeper = loop_timer_create(loop, on_sweep, http2);
    return http2;
}

void
http2_destroy(struct http2 *http2)
{
    struct http2_exchange *exchange;

    if (http2 == NULL)
    {
        return;
    }
    while (http2->origins != NULL)
    {
        struct http2_origin *origin = http2->origins;

        http2->origins = origin->next;
        origin_free(origin);
    }
    while ((exchange = http2->finished.first) != NULL)
    {
        list_remove(&http2->finished, exchange);
        exchange_free(exchange);
    }
    loop_timer_destroy(http2->deferred);
    loop_timer_destroy(http2->sweeper);
    free(http2);
}
