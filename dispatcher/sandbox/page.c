/* GET /, /page.css, /page.js, /api/requests, /api/stats; POST /api/script, /api/reset. */
#include "sandbox/page.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/mem.h"
#include "sandbox/h1.h"
#include "sandbox/text.h"

#define SCRIPT_BYTES_MAX 1048576
#define ANSWER_BYTES_MAX ((size_t) 256 * 1024 * 1024)
#define REQUESTS_DEFAULT 100
#define REQUESTS_MAX 1000000

struct page
{
    struct sandbox *sandbox;
    struct https *https;
    struct sock_listener *listener;
};

struct page_conn
{
    struct page *page;
    struct sock *sock;
    struct h1 h1;
};

/* A request to the page, with its answer. */
struct visit
{
    struct page *page;
    const struct double_request *request;
    struct arena *arena;
    struct double_reply reply;
    struct buf body;
};

static void
answer_error(struct visit *visit, int status, const char *message)
{
    buf_reset(&visit->body);
    buf_puts(&visit->body, "{\"error\":");
    text_append_json_string(&visit->body, message);
    buf_puts(&visit->body, "}\n");
    visit->reply.status = status;
    reply_header(&visit->reply, "content-type", "application/json");
}

static void
answer_text(struct visit *visit, const char *type, const char *text)
{
    buf_puts(&visit->body, text);
    visit->reply.status = 200;
    reply_header(&visit->reply, "content-type", type);
}

static void
get_page(struct visit *visit)
{
    answer_text(visit, "text/html; charset=utf-8", page_html);
}

static void
get_css(struct visit *visit)
{
    answer_text(visit, "text/css; charset=utf-8", page_css);
}

static void
get_js(struct visit *visit)
{
    answer_text(visit, "text/javascript; charset=utf-8", page_js);
}

/* A number of the query string. */
static uint64_t
query_number(struct visit *visit, const char *name, uint64_t fallback)
{
    size_t count;
    struct form_field *fields =
        form_parse(visit->arena, visit->request->query, strlen(visit->request->query), &count);
    const char *text = form_get(fields, count, name);

    return text != NULL && text[0] >= '0' && text[0] <= '9' ? strtoull(text, NULL, 10) : fallback;
}

static void
get_requests(struct visit *visit)
{
    uint64_t after = query_number(visit, "after", 0);
    uint64_t limit = query_number(visit, "limit", REQUESTS_DEFAULT);

    ledger_print(visit->page->sandbox->ledger, after,
                 limit < REQUESTS_MAX ? (size_t) limit : REQUESTS_MAX, &visit->body);
    answer_text(visit, "application/json", "\n");
}

static void
get_stats(struct visit *visit)
{
    struct sandbox *sandbox = visit->page->sandbox;

    buf_puts(&visit->body, "{\"providers\":");
    ledger_print_counts(sandbox->ledger, &visit->body);
    buf_printf(&visit->body, ",\"token_requests\":%llu,\"connections\":%llu,\"fast\":%s}",
               (unsigned long long) sandbox->env.token_requests,
               (unsigned long long) sandbox->conn_number, sandbox->fast ? "true" : "false");
    answer_text(visit, "application/json", "\n");
}

static void
post_script(struct visit *visit)
{
    const char *error;

    if (!fault_book_load(visit->page->sandbox->book, visit->request->body, visit->request->body_len,
                         visit->arena, &error))
    {
        answer_error(visit, 400, error);
        return;
    }
    https_change_settings(visit->page->https);
    answer_text(visit, "application/json", "{\"ok\":true}\n");
}

static void
post_reset(struct visit *visit)
{
    struct sandbox *sandbox = visit->page->sandbox;

    fault_book_reset(sandbox->book);
    ledger_reset(sandbox->ledger);
    idmap_clear(sandbox->env.ids);
    sandbox->env.token_requests = 0;
    https_change_settings(visit->page->https);
    answer_text(visit, "application/json", "{\"ok\":true}\n");
}

static const struct route
{
    const char *method;
    const char *path;
    void (*run)(struct visit *visit);
} routes[] = {
    { "GET", "/", get_page },
    { "GET", "/page.css", get_css },
    { "GET", "/page.js", get_js },
    { "GET", "/api/requests", get_requests },
    { "GET", "/api/stats", get_stats },
    { "POST", "/api/script", post_script },
    { "POST", "/api/reset", post_reset },
};

/* Only names of this machine: a foreign name that resolves here is a rebinding attack. */
static bool
is_local_host(const char *host)
{
    static const char *const names[] = { "localhost", "127.0.0.1", "[::1]" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    {
        size_t len = strlen(names[i]);

        if (strncasecmp(host, names[i], len) == 0 &&
            (host[len] == '\0' ||
             (host[len] == ':' && strspn(host + len + 1, "0123456789") == strlen(host + len + 1))))
        {
            return true;
        }
    }
    return false;
}

/* Other sites cannot post: their requests carry their origin, or no JSON content type. */
static const char *
check_origin(const struct double_request *request)
{
    const char *origin = request_header(request, "origin");

    if (!is_local_host(request->authority))
    {
        return "the Host header is not a name of this machine";
    }
    if (origin != NULL &&
        (strncmp(origin, "http://", 7) != 0 || strcasecmp(origin + 7, request->authority) != 0))
    {
        return "requests of other origins are not served";
    }
    if (strcmp(request->method, "POST") == 0 && !request_has_type(request, "application/json"))
    {
        return "content-type must be application/json";
    }
    return NULL;
}

static void
route(struct visit *visit)
{
    const char *problem = check_origin(visit->request);
    bool path_known = false;

    if (problem != NULL)
    {
        answer_error(visit, 403, problem);
        return;
    }
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
    {
        if (strcmp(routes[i].path, visit->request->path) != 0)
        {
            continue;
        }
        path_known = true;
        if (strcmp(routes[i].method, visit->request->method) != 0)
        {
            continue;
        }
        routes[i].run(visit);
        return;
    }
    answer_error(visit, path_known ? 405 : 404, path_known ? "method not allowed" : "not found");
}

static void
add_security_headers(struct double_reply *reply)
{
    reply_header(reply, "content-security-policy",
                 "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
                 "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
                 "frame-ancestors 'none'");
    reply_header(reply, "x-content-type-options", "nosniff");
    reply_header(reply, "referrer-policy", "no-referrer");
    reply_header(reply, "cross-origin-resource-policy", "same-origin");
    reply_header(reply, "cache-control", "no-store");
}

/* Answer; a malformed request (status > 0) closes the connection. */
static void
answer(struct page_conn *conn, int status, const char *error)
{
    struct visit visit = { .page = conn->page,
                           .request = &conn->h1.request,
                           .arena = conn->h1.arena };
    bool keep = status == 0 && conn->h1.keep_alive;
    struct buf text;

    buf_init(&visit.body, ANSWER_BYTES_MAX);
    buf_init(&text, ANSWER_BYTES_MAX + 65536);
    if (status > 0)
    {
        answer_error(&visit, status, error);
    }
    else
    {
        route(&visit);
    }
    if (visit.body.overflow)
    {
        visit.reply.header_count = 0;
        answer_error(&visit, 500, "too much to show: ask for fewer requests");
    }
    add_security_headers(&visit.reply);
    visit.reply.body = visit.body.data;
    visit.reply.body_len = visit.body.len;
    h1_print(&text, &visit.reply, keep);
    sock_write(conn->sock, text.data, text.len);
    sock_flush(conn->sock);
    buf_finish(&visit.body);
    buf_finish(&text);
    h1_next(&conn->h1);
    if (!keep)
    {
        sock_close(conn->sock);
    }
}

static void
on_ready(void *user)
{
    (void) user;
}

static void
on_data(void *user, const char *data, size_t len)
{
    struct page_conn *conn = user;
    size_t at = 0;
    enum h1_event event;

    do
    {
        size_t used;

        event = h1_feed(&conn->h1, data + at, len - at, &used);
        at += used;
        if (event == H1_HEAD)
        {
            conn->h1.body_max = SCRIPT_BYTES_MAX;
        }
        else if (event == H1_REQUEST)
        {
            answer(conn, 0, NULL);
        }
        else if (event == H1_BAD)
        {
            answer(conn, conn->h1.status, conn->h1.error);
        }
    } while (!sock_is_dead(conn->sock) && (event == H1_HEAD || at < len));
}

static void
on_batch_end(void *user)
{
    struct page_conn *conn = user;

    sock_flush(conn->sock);
}

static void
on_closed(void *user)
{
    struct page_conn *conn = user;

    h1_finish(&conn->h1);
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
    struct page *page = user;
    struct page_conn *conn = mem_alloc(sizeof(*conn));

    conn->page = page;
    h1_init(&conn->h1);
    conn->sock = sock_create(page->sandbox->net, fd, NULL, &sock_handlers, conn);
}

struct page *
page_create(struct sandbox *sandbox, struct https *https, const char *address, const char **reterr)
{
    struct page *page = mem_alloc(sizeof(*page));

    page->sandbox = sandbox;
    page->https = https;
    page->listener = sock_listen(sandbox->net, address, on_accepted, page, reterr);
    if (page->listener != NULL)
    {
        return page;
    }
    free(page);
    return NULL;
}

int
page_port(const struct page *page)
{
    return sock_listener_port(page->listener);
}

void
page_destroy(struct page *page)
{
    if (page == NULL)
    {
        return;
    }
    sock_listener_destroy(page->listener);
    free(page);
}
