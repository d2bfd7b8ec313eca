/* Scripts and magic addresses of the sandbox, and its strict HTTP/1.1 parser. */
#include "unit/sandbox_helper.h"

#include "sandbox/fault.h"
#include "sandbox/h1.h"

static struct fault_book *book;

static int
set_up(void **state)
{
    (void) state;
    start_env();
    book = fault_book_create();
    return 0;
}

static int
tear_down(void **state)
{
    fault_book_destroy(book);
    return finish_env(state);
}

static struct fault
choose(const char *provider, const char *address, const char *body)
{
    struct fault_key key = { .provider = provider,
                             .path = "/path",
                             .address = address,
                             .body = body,
                             .body_len = body != NULL ? strlen(body) : 0 };

    return fault_choose(book, &key, env.now_us, arena);
}

static void
test_words(void **state)
{
    static const struct
    {
        const char *provider;
        const char *address;
        enum fault_kind kind;
        int status;
        int64_t delay_ms;
        int times;
    } rows[] = {
        { "smtp", "a@example.org", FAULT_NONE, 0, 0, 0 },
        { "smtp", "default-503@example.org", FAULT_NONE, 0, 0, 0 },
        { "smtp", "fault-503x2@example.org", FAULT_STATUS, 503, 0, 2 },
        { "sendgrid", "x.fault-429-2@example.org", FAULT_STATUS, 429, 0, 0 },
        { "fcm", "fault-hang", FAULT_HANG, 0, 0, 0 },
        { "fcm", "fault-reset", FAULT_RESET_AFTER, 0, 0, 0 },
        { "fcm", "fault-reset-before", FAULT_RESET_BEFORE, 0, 0, 0 },
        { "fcm", "fault-lostx1", FAULT_LOST, 0, 0, 1 },
        { "fcm", "fault-delay-250", FAULT_DELAY, 0, 250, 0 },
        { "fcm", "fault-delay", FAULT_DELAY, 0, 500, 0 },
        { "fcm", "fault-goaway", FAULT_GOAWAY, 0, 0, 0 },
        { "fcm", "fault-unregistered", FAULT_UNREGISTERED, 0, 0, 0 },
        { "fcm", "fault-", FAULT_NONE, 0, 0, 0 },
        { "fcm", "fault-1000", FAULT_NONE, 0, 0, 0 },
        { "apns", "fa032ab0", FAULT_STATUS, 503, 0, 2 },
        { "apns", "fa290ab0", FAULT_STATUS, 429, 0, 0 },
        { "apns", "fa99", FAULT_NONE, 0, 0, 0 },
        { "apns", "fa", FAULT_NONE, 0, 0, 0 },
        { "twilio", "+15005559140", FAULT_DELAY, 0, 500, 0 },
        { "twilio", "+15005559033", FAULT_STATUS, 503, 0, 3 },
        { "twilio", "+15005551033", FAULT_NONE, 0, 0, 0 },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        struct fault fault;
        int times;

        fault_of_address(rows[i].provider, rows[i].address, arena, &fault, &times);
        if (fault.kind != rows[i].kind || fault.status != rows[i].status ||
            fault.delay_ms != rows[i].delay_ms || times != rows[i].times)
        {
            fail_msg("%s: kind %d status %d times %d", rows[i].address, (int) fault.kind,
                     fault.status, times);
        }
    }
}

static void
test_counting(void **state)
{
    (void) state;
    for (int i = 0; i < 2; i++)
    {
        assert_int_equal(choose("fcm", "fault-503x2-a", NULL).kind, FAULT_STATUS);
        assert_int_equal(choose("fcm", "fault-503x2-b", NULL).kind, FAULT_STATUS);
    }
    assert_int_equal(choose("fcm", "fault-503x2-a", NULL).kind, FAULT_NONE);
    assert_int_equal(choose("sendgrid", "fault-503x2-a", NULL).kind, FAULT_STATUS);
    assert_string_equal(choose("fcm", "fault-429-7", NULL).retry_after, "7");
}

static void
load(const char *script)
{
    const char *error = NULL;

    if (!fault_book_load(book, script, strlen(script), arena, &error))
    {
        fail_msg("%s", error);
    }
}

static void
test_rules(void **state)
{
    struct fault fault;

    (void) state;
    load("[{\"match\":{\"provider\":\"fcm\",\"to\":\"abc\"},\"times\":1,\"fault\":\"hang\"},"
         "{\"match\":{\"body\":\"needle\"},\"fault\":\"status\",\"status\":502,\"retry_after\":"
         "\"soon\"},"
         "{\"match\":{\"provider\":\"smtp\"},\"fault\":\"throttle\",\"retry_after\":60,"
         "\"retry_after_date\":true},"
         "{\"match\":{\"path\":\"/path\",\"provider\":\"apns\"},\"fault\":\"reset_before\"}]");
    assert_int_equal(choose("fcm", "xabcx", NULL).kind, FAULT_HANG);
    assert_int_equal(choose("fcm", "xabcx", NULL).kind, FAULT_NONE);
    fault = choose("fcm", "x", "hay needle hay");
    assert_int_equal(fault.status, 502);
    assert_string_equal(fault.retry_after, "soon");
    fault = choose("smtp", "x", NULL);
    assert_int_equal(fault.status, 429);
    assert_string_equal(fault.retry_after, "Thu, 01 Jan 2026 00:01:00 GMT");
    assert_int_equal(choose("apns", "ab", NULL).kind, FAULT_RESET_BEFORE);
    load("{\"max_streams\":1,\"rules\":[]}");
    assert_int_equal(fault_book_settings(book).max_streams, 1);
    assert_int_equal(choose("smtp", "x", NULL).kind, FAULT_NONE);
}

static void
test_scripts_refused(void **state)
{
    static const char *const scripts[] = {
        "",
        "7",
        "[{}]",
        "[7]",
        "[{\"fault\":\"explode\"}]",
        "[{\"fault\":\"hang\",\"tmes\":1}]",
        "[{\"fault\":\"status\",\"status\":7}]",
        "[{\"fault\":\"delay\",\"delay_ms\":-1}]",
    };

    (void) state;
    load("[{\"fault\":\"hang\"}]");
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
    {
        const char *error = NULL;

        assert_false(fault_book_load(book, scripts[i], strlen(scripts[i]), arena, &error));
        assert_non_null(error);
    }
    assert_int_equal(choose("fcm", "x", NULL).kind, FAULT_HANG);
}

/* ---- HTTP/1.1 ---- */

/* The last event of feeding the text in pieces of that size. */
static enum h1_event
feed(struct h1 *h1, const char *text, size_t piece)
{
    size_t len = strlen(text);
    size_t at = 0;
    enum h1_event event = H1_MORE;

    while ((at < len || event == H1_HEAD) && event != H1_BAD && event != H1_REQUEST)
    {
        size_t used;
        size_t step = len - at < piece ? len - at : piece;

        event = h1_feed(h1, text + at, step, &used);
        at += used;
    }
    return event;
}

static void
test_parser(void **state)
{
    static const char *const texts[] = {
        "POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        "POST /a?b=c HTTP/1.1\r\nHost:x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    };

    (void) state;
    for (size_t i = 0; i < 2; i++)
    {
        for (size_t piece = 1; piece < 100; piece += 7)
        {
            struct h1 h1;

            h1_init(&h1);
            assert_int_equal(feed(&h1, texts[i], piece), H1_REQUEST);
            assert_string_equal(h1.request.path, "/a");
            assert_string_equal(h1.request.query, "b=c");
            assert_string_equal(h1.request.authority, "x");
            assert_int_equal(h1.request.body_len, 5);
            assert_string_equal(h1.request.body, "hello");
            h1_finish(&h1);
        }
    }
}

static void
test_parser_refuses(void **state)
{
    static const struct
    {
        const char *text;
        int status;
    } rows[] = {
        { "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
        { "GET / HTTP/1.1\nHost: x\r\n\r\n", 400 },
        { "GET / HTTP/1.0\r\nHost: x\r\n\r\n", 505 },
        { "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
        { "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
        { "G\tT / HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: x\x01\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
          400 },
        { "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501 },
        { "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\nx", 413 },
        { "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400 },
        { "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", 400 },
        { "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n", 400 },
        { "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n", 413 },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        struct h1 h1;

        h1_init(&h1);
        if (feed(&h1, rows[i].text, 1000) != H1_BAD || h1.status != rows[i].status)
        {
            fail_msg("%s: status %d", rows[i].text, h1.status);
        }
        h1_finish(&h1);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_counting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rules, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_scripts_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parser, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parser_refuses, set_up, tear_down),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
