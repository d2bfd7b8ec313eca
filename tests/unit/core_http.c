/* core/http.c end to end, against small servers on the same loop. */
#include "unit/http_peer.h"

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
    assert_non_null(strstr(server.last, "\r\nUser-Agent: pg_herald/" HERALD_VERSION "\r\n"));
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
    request.answer_max = 2000000;
    exchange();
    assert_int_equal(answer->body_len, 2000000);
    assert_false(answer->body_truncated);
    request.answer_max = 1999999;
    exchange();
    assert_int_equal(answer->body_len, 1999999);
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
    assert_int_equal(server.requests, 0);
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
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
