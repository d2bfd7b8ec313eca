/* HTTP/1.1 as a server reads it: what is ambiguous is refused. */
#include "sandbox/h1.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LINE_BYTES_MAX 1024

static const char token_chars[] = "!#$%&'*+-.^_`|~0123456789"
                                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

void
h1_init(struct h1 *h1)
{
    memset(h1, 0, sizeof(*h1));
    buf_init(&h1->head, H1_HEAD_BYTES_MAX);
    buf_init(&h1->line, LINE_BYTES_MAX);
    buf_init(&h1->body, 0);
    h1->arena = arena_create();
}

void
h1_finish(struct h1 *h1)
{
    buf_finish(&h1->head);
    buf_finish(&h1->line);
    buf_finish(&h1->body);
    arena_destroy(h1->arena);
    h1->arena = NULL;
}

void
h1_next(struct h1 *h1)
{
    h1_finish(h1);
    h1_init(h1);
}

bool
h1_is_partial(const struct h1 *h1)
{
    return h1->state != H1_COMPLETE && (h1->state != H1_IN_HEAD || h1->head.len > 0);
}

static enum h1_event
bad(struct h1 *h1, int status, const char *error)
{
    h1->status = status;
    h1->error = error;
    return H1_BAD;
}

/* ---- the head ---- */

/* Method, target and version at the start of the head; *line moves behind them. */
static enum h1_event
parse_request_line(struct h1 *h1, char **line)
{
    char *text = *line;
    char *end = strstr(text, "\r\n");
    size_t method = strspn(text, token_chars);
    char *target = text + method + 1;
    size_t target_len;
    char *query;

    if (method == 0 || text[method] != ' ' || target[0] != '/')
    {
        return bad(h1, 400, "malformed request line");
    }
    target_len = strcspn(target, " \r\n");
    for (size_t i = 0; i < target_len; i++)
    {
        if ((unsigned char) target[i] <= ' ' || (unsigned char) target[i] >= 0x7f)
        {
            return bad(h1, 400, "invalid character in the request target");
        }
    }
    if (strncmp(target + target_len, " HTTP/1.1\r\n", 11) != 0)
    {
        return strncmp(target + target_len, " HTTP/", 6) == 0
                   ? bad(h1, 505, "only HTTP/1.1 is spoken here")
                   : bad(h1, 400, "malformed request line");
    }
    text[method] = '\0';
    target[target_len] = '\0';
    query = strchr(target, '?');
    if (query != NULL)
    {
        *query++ = '\0';
    }
    h1->request.method = text;
    h1->request.path = target;
    h1->request.query = query != NULL ? query : "";
    *line = end + 2;
    return H1_HEAD;
}

/* One "name: value" line, NUL-terminated. */
static enum h1_event
parse_header(struct h1 *h1, char *line, struct field *ret)
{
    size_t name = strspn(line, token_chars);
    char *value = line + name + 1;
    size_t len;

    if (name == 0 || line[name] != ':')
    {
        return bad(h1, 400, "malformed header");
    }
    line[name] = '\0';
    for (size_t i = 0; i < name; i++)
    {
        if (line[i] >= 'A' && line[i] <= 'Z')
        {
            line[i] = (char) (line[i] | 0x20);
        }
    }
    value += strspn(value, " \t");
    len = strlen(value);
    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
    {
        value[--len] = '\0';
    }
    for (size_t i = 0; i < len; i++)
    {
        if (((unsigned char) value[i] < ' ' && value[i] != '\t') || value[i] == 0x7f)
        {
            return bad(h1, 400, "control character in a header");
        }
    }
    ret->name = line;
    ret->value = value;
    return H1_HEAD;
}

static enum h1_event
parse_headers(struct h1 *h1, char *line)
{
    struct field *headers = arena_alloc(h1->arena, H1_HEADERS_MAX * sizeof(*headers));
    size_t count = 0;

    while (*line != '\0')
    {
        char *end = strstr(line, "\r\n");

        *end = '\0';
        if (count == H1_HEADERS_MAX)
        {
            return bad(h1, 431, "too many headers");
        }
        if (parse_header(h1, line, &headers[count]) == H1_BAD)
        {
            return H1_BAD;
        }
        count++;
        line = end + 2;
    }
    h1->request.headers = headers;
    h1->request.header_count = count;
    return H1_HEAD;
}

/* Headers that decide how the message is read; none of them may occur twice. */
static enum h1_event
parse_framing(struct h1 *h1)
{
    static const char *const single[] = { "host", "content-length", "transfer-encoding",
                                          "connection", "expect" };
    const char *length = request_header(&h1->request, "content-length");
    const char *coding = request_header(&h1->request, "transfer-encoding");
    const char *connection = request_header(&h1->request, "connection");
    const char *expect = request_header(&h1->request, "expect");
    const char *host = request_header(&h1->request, "host");

    for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++)
    {
        size_t seen = 0;

        for (size_t k = 0; k < h1->request.header_count; k++)
        {
            seen += strcmp(h1->request.headers[k].name, single[i]) == 0;
        }
        if (seen > 1)
        {
            return bad(h1, 400, "a header that may occur once occurs twice");
        }
    }
    if (host == NULL)
    {
        return bad(h1, 400, "the Host header is missing");
    }
    if (length != NULL && coding != NULL)
    {
        return bad(h1, 400, "both Content-Length and Transfer-Encoding");
    }
    if (coding != NULL && strcasecmp(coding, "chunked") != 0)
    {
        return bad(h1, 501, "unknown transfer coding");
    }
    if (length != NULL &&
        (*length == '\0' || strlen(length) > 12 || strspn(length, "0123456789") != strlen(length)))
    {
        return bad(h1, 400, "malformed Content-Length");
    }
    h1->request.authority = host;
    h1->chunked = coding != NULL;
    h1->left = length != NULL ? (size_t) strtoull(length, NULL, 10) : 0;
    h1->keep_alive = connection == NULL || strcasecmp(connection, "close") != 0;
    h1->expect_continue = expect != NULL && strcasecmp(expect, "100-continue") == 0;
    return H1_HEAD;
}

/* The head is complete: "line CRLF header CRLF … CRLF" without the final empty line. */
static enum h1_event
parse_head(struct h1 *h1)
{
    char *text = arena_strndup(h1->arena, h1->head.data, h1->head.len - 2);

    if (strlen(text) != h1->head.len - 2)
    {
        return bad(h1, 400, "NUL in the headers");
    }
    if (parse_request_line(h1, &text) == H1_BAD || parse_headers(h1, text) == H1_BAD ||
        parse_framing(h1) == H1_BAD)
    {
        return H1_BAD;
    }
    h1->state = h1->chunked ? H1_IN_CHUNK_SIZE : H1_IN_BODY;
    h1->body_max = H1_HEAD_BYTES_MAX;
    return H1_HEAD;
}

static enum h1_event
feed_head(struct h1 *h1, const char *data, size_t len, size_t *used)
{
    while (*used < len)
    {
        const char *start = data + *used;
        const char *newline = memchr(start, '\n', len - *used);
        size_t step = newline != NULL ? (size_t) (newline - start) + 1 : len - *used;
        size_t before = h1->head.len;

        if (!buf_append(&h1->head, start, step))
        {
            return bad(h1, 431, "the headers are too large");
        }
        *used += step;
        if (newline == NULL)
        {
            return H1_MORE;
        }
        if (h1->head.len < 2 || h1->head.data[h1->head.len - 2] != '\r')
        {
            return bad(h1, 400, "a line ends without CR");
        }
        if (h1->head.len - before == 2 && before == 0)
        {
            return bad(h1, 400, "an empty line before the request");
        }
        if (h1->head.len >= 4 && memcmp(h1->head.data + h1->head.len - 4, "\r\n\r\n", 4) == 0)
        {
            return parse_head(h1);
        }
    }
    return H1_MORE;
}

/* ---- the body ---- */

static enum h1_event
complete(struct h1 *h1)
{
    h1->request.body = h1->body.data;
    h1->request.body_len = h1->body.len;
    h1->state = H1_COMPLETE;
    return H1_REQUEST;
}

/* Take up to left bytes of the body or chunk. */
static bool
take_body(struct h1 *h1, const char *data, size_t len, size_t *used)
{
    size_t step = len - *used < h1->left ? len - *used : h1->left;

    h1->body.max = h1->body_max;
    if (!buf_append(&h1->body, data + *used, step))
    {
        return false;
    }
    *used += step;
    h1->left -= step;
    return true;
}

/* Collect a CRLF line of the chunked coding; true when it is complete (without CRLF). */
static bool
take_line(struct h1 *h1, const char *data, size_t len, size_t *used, enum h1_event *ret)
{
    *ret = H1_MORE;
    while (*used < len)
    {
        char c = data[(*used)++];

        if (!buf_putc(&h1->line, c))
        {
            *ret = bad(h1, 400, "a chunk line is too long");
            return false;
        }
        if (c != '\n')
        {
            continue;
        }
        if (h1->line.len < 2 || h1->line.data[h1->line.len - 2] != '\r')
        {
            *ret = bad(h1, 400, "a line ends without CR");
            return false;
        }
        h1->line.len -= 2;
        h1->line.data[h1->line.len] = '\0';
        return true;
    }
    return false;
}

static enum h1_event
chunk_size(struct h1 *h1)
{
    size_t digits = strspn(h1->line.data, "0123456789abcdefABCDEF");

    if (digits == 0 || digits > 8 || digits != h1->line.len)
    {
        return bad(h1, 400, "malformed chunk size");
    }
    h1->left = (size_t) strtoul(h1->line.data, NULL, 16);
    if (h1->left > h1->body_max)
    {
        return bad(h1, 413, "the body is too large");
    }
    h1->state = h1->left > 0 ? H1_IN_CHUNK : H1_IN_TRAILER;
    return H1_MORE;
}

/* A line of the chunked coding is complete. */
static enum h1_event
chunk_line(struct h1 *h1)
{
    enum h1_event event = H1_MORE;

    if (h1->state == H1_IN_CHUNK_SIZE)
    {
        event = chunk_size(h1);
    }
    else if (h1->line.len > 0)
    {
        event = bad(h1, 400, "malformed end of a chunk");
    }
    else if (h1->state == H1_IN_CHUNK_END)
    {
        h1->state = H1_IN_CHUNK_SIZE;
    }
    else
    {
        event = complete(h1);
    }
    buf_reset(&h1->line);
    return event;
}

static enum h1_event
feed_chunked(struct h1 *h1, const char *data, size_t len, size_t *used)
{
    enum h1_event event = H1_MORE;

    while (event == H1_MORE && *used < len)
    {
        if (h1->state == H1_IN_CHUNK)
        {
            if (!take_body(h1, data, len, used))
            {
                return bad(h1, 413, "the body is too large");
            }
            if (h1->left == 0)
            {
                h1->state = H1_IN_CHUNK_END;
            }
        }
        else if (take_line(h1, data, len, used, &event))
        {
            event = chunk_line(h1);
        }
    }
    return event;
}

enum h1_event
h1_feed(struct h1 *h1, const char *data, size_t len, size_t *ret_used)
{
    *ret_used = 0;
    if (h1->state == H1_IN_HEAD)
    {
        return feed_head(h1, data, len, ret_used);
    }
    if (h1->state != H1_IN_BODY)
    {
        return feed_chunked(h1, data, len, ret_used);
    }
    if (h1->left > h1->body_max)
    {
        return bad(h1, 413, "the body is too large");
    }
    if (!take_body(h1, data, len, ret_used))
    {
        return bad(h1, 413, "the body is too large");
    }
    return h1->left == 0 ? complete(h1) : H1_MORE;
}

/* ---- answers ---- */

static const char *
reason(int status)
{
    static const struct
    {
        int status;
        const char *text;
    } reasons[] = {
        { 200, "OK" },
        { 201, "Created" },
        { 202, "Accepted" },
        { 204, "No Content" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 413, "Content Too Large" },
        { 429, "Too Many Requests" },
        { 500, "Internal Server Error" },
        { 503, "Service Unavailable" },
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
    {
        if (reasons[i].status == status)
        {
            return reasons[i].text;
        }
    }
    return "Status";
}

void
h1_print(struct buf *ret, const struct double_reply *reply, bool keep_alive)
{
    buf_printf(ret, "HTTP/1.1 %d %s\r\n", reply->status, reason(reply->status));
    for (size_t i = 0; i < reply->header_count; i++)
    {
        buf_printf(ret, "%s: %s\r\n", reply->headers[i].name, reply->headers[i].value);
    }
    if (reply->status != 204)
    {
        buf_printf(ret, "content-length: %zu\r\n", reply->body_len);
    }
    buf_printf(ret, "%s\r\n", keep_alive ? "" : "connection: close\r\n");
    if (reply->body_len > 0)
    {
        buf_append(ret, reply->body, reply->body_len);
    }
}
