/* core/listen.c end to end, with core/http.c as the client on the same loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/arena.h"
#include "core/http.h"
#include "core/listen.h"

static struct loop *loop;
static struct listener *listener;
static struct http *http;
static struct arena *arena;
static const struct wire_answer *answer;
static int port;

static int
on_request(void *user, const char *path, struct buf *body, const char **content_type)
{
    (void) user;
    if (strcmp(path, "/large") == 0)
    {
        for (int i = 0; i < 60000; i++)
        {
            buf_putc(body, 'x');
        }
        *content_type = "application/octet-stream";
        return 200;
    }
    if (strcmp(path, "/overflow") == 0)
    {
        while (buf_puts(body, "0123456789"))
        {
        }
        return 200;
    }
    buf_printf(body, "path %s\n", path);
    return strcmp(path, "/none") == 0 ? 404 : 200;
}

static struct listener *
listen_on(const char *host)
{
    const char *error = NULL;
    struct listener *ret = NULL;

    port = 21000 + (int) (getpid() % 10000);
    for (int i = 0; i < 50 && ret == NULL; i++)
    {
        port++;
        ret =
            listen_create(loop, arena_printf(arena, "%s:%d", host, port), on_request, NULL, &error);
    }
    return ret;
}

static int
set_up(void **state)
{
    (void) state;
    loop = loop_create();
    arena = arena_create();
    http = http_create(loop, 1, 1);
    listener = listen_on("127.0.0.1");
    return listener != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
    (void) state;
    http_destroy(http);
    listen_destroy(listener);
    loop_destroy(loop);
    arena_destroy(arena);
    return 0;
}

static void
on_done(void *user, const struct wire_answer *got)
{
    (void) user;
    answer = got;
    loop_stop(loop);
}

static void
get(const char *method, const char *path)
{
    const struct http_options options = { .allow_http = true, .total_timeout_ms = 5000 };
    const struct wire_request request = { .kind = WIRE_HTTP,
                                          .method = method,
                                          .url = arena_printf(arena, "http://127.0.0.1:%d%s", port,
                                                              path),
                                          .body = "abc",
                                          .body_len = 3 };

    answer = NULL;
    http_start(http, &request, &options, arena, on_done, NULL);
    loop_run(loop);
    assert_non_null(answer);
    assert_int_equal(answer->result, WIRE_ANSWERED);
}

static void
test_get(void **state)
{
    (void) state;
    assert_int_equal(listen_port(listener), port);
    for (int i = 0; i < 3; i++)
    {
        get("GET", "/metrics");
        assert_int_equal(answer->status, 200);
        assert_string_equal(answer->body, "path /metrics\n");
        assert_string_equal(wire_answer_header(answer, "content-type"),
                            "text/plain; charset=utf-8");
    }
    get("GET", "/none");
    assert_int_equal(answer->status, 404);
    get("GET", "/large");
    assert_int_equal(answer->body_len, 60000);
    assert_string_equal(wire_answer_header(answer, "content-type"), "application/octet-stream");
}

static void
test_refused(void **state)
{
    (void) state;
    get("POST", "/metrics");
    assert_int_equal(answer->status, 405);
    get("GET", "/overflow");
    assert_int_equal(answer->status, 500);
}

static void
test_addresses(void **state)
{
    static const char *const bad[] = { "",           "127.0.0.1",   "localhost:80", "127.0.0.1:x",
                                       "::1:80",     "[::1]",       "127.0.0.1:",   ":80",
                                       "1.2.3:4:80", "8.8.8.8:9187" };
    const char *error;

    (void) state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    {
        error = NULL;
        assert_null(listen_create(loop, bad[i], on_request, NULL, &error));
        assert_non_null(error);
    }
    assert_null(
        listen_create(loop, arena_printf(arena, "127.0.0.1:%d", port), on_request, NULL, &error));
    assert_string_equal(error, "the address is in use");
}

static void
test_destroy_with_connection_open(void **state)
{
    (void) state;
    get("GET", "/metrics"); /* keeps its connection */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_get),
        TEST(test_refused),
        TEST(test_addresses),
        TEST(test_destroy_with_connection_open),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
