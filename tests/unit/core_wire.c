/* core/wire.c and core/mail_reply.c: headers, envelope addresses, replies of mail servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/mail_reply.h"
#include "core/wire.h"

static void
test_add_header(void **state)
{
    struct wire_request request = { .kind = WIRE_HTTP };

    (void) state;
    assert_true(wire_add_header(&request, "Content-Type", "text/plain; charset=utf-8"));
    assert_true(wire_add_header(&request, "x", ""));
    assert_true(wire_add_header(&request, "x-utf8", "\xc3\xa9"));
    assert_int_equal(request.header_count, 3);
    assert_false(wire_add_header(&request, "x", "a\r\nb: c"));
    assert_false(wire_add_header(&request, "x", "a\nb"));
    assert_false(wire_add_header(&request, "x", "a\rb"));
    assert_false(wire_add_header(&request, "x", "a\tb"));
    assert_false(wire_add_header(&request, "x", "\x01"));
    assert_false(wire_add_header(&request, "x", "\x7f"));
    assert_false(wire_add_header(&request, "", "v"));
    assert_false(wire_add_header(&request, "a b", "v"));
    assert_false(wire_add_header(&request, "a:", "v"));
    assert_false(wire_add_header(&request, "a\r\nb", "v"));
    assert_false(wire_add_header(&request, "\xc3\xa9", "v"));
    assert_int_equal(request.header_count, 3);
    while (request.header_count < WIRE_HEADERS_MAX)
    {
        assert_true(wire_add_header(&request, "n", "v"));
    }
    assert_false(wire_add_header(&request, "n", "v"));
}

static void
test_answer_header(void **state)
{
    const struct wire_answer answer = { .headers = { { "a", "1" }, { "b", "2" }, { "a", "3" } },
                                        .header_count = 3 };

    (void) state;
    assert_string_equal(wire_answer_header(&answer, "a"), "1");
    assert_string_equal(wire_answer_header(&answer, "b"), "2");
    assert_null(wire_answer_header(&answer, "c"));
}

static void
test_mailbox(void **state)
{
    static const char *const bad[] = { "a b@c",  "a@c>",         "<a@c",  "a@c\r\nDATA", "a@c\n",
                                       "a@c\rX", "a@c> RCPT TO", "a\t@c", "a\x7f@c" };

    (void) state;
    assert_true(wire_mailbox_valid(""));
    assert_true(wire_mailbox_valid("a+b@example.org"));
    assert_true(wire_mailbox_valid("\xc3\xa9@example.org"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    {
        assert_false(wire_mailbox_valid(bad[i]));
    }
}

/* Feed a line; is the reply complete with it? */
static bool
feed(struct mail_reply *reply, const char *line)
{
    bool malformed = true;
    bool complete = mail_reply_line(reply, line, strlen(line), &malformed);

    assert_false(malformed);
    return complete;
}

static void
test_mail_reply(void **state)
{
    struct mail_reply reply = { .code = 0 };

    (void) state;
    assert_true(feed(&reply, "220 hello\r\n"));
    assert_int_equal(reply.code, 220);
    assert_string_equal(reply.text, "hello");
    assert_false(feed(&reply, "250-one\r\n"));
    assert_false(feed(&reply, "250-two"));
    assert_true(feed(&reply, "250 three\n"));
    assert_string_equal(reply.text, "one two three");
    assert_true(feed(&reply, "354"));
    assert_string_equal(reply.text, "");
    assert_true(feed(&reply, "550 a\001b"));
    assert_string_equal(reply.text, "a?b");
}

static void
test_mail_reply_malformed(void **state)
{
    static const char *const lines[] = {
        "", "22", "2200 x", "hello", "25x ok", " 250 ok", "250_x"
    };
    struct mail_reply reply = { .code = 0 };
    bool malformed;

    (void) state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
    {
        malformed = false;
        assert_false(mail_reply_line(&reply, lines[i], strlen(lines[i]), &malformed));
        assert_true(malformed);
    }
    assert_int_equal(reply.code, 0);
}

static void
test_mail_reply_long(void **state)
{
    struct mail_reply reply = { .code = 0 };
    char line[5000];

    (void) state;
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    memcpy(line, "250-", 4);
    assert_false(feed(&reply, line));
    assert_false(feed(&reply, line));
    line[3] = ' ';
    assert_true(feed(&reply, line));
    assert_int_equal(strlen(reply.text), MAIL_TEXT_MAX - 1);
}

static void
test_request_problem(void **state)
{
    struct wire_request request = { .kind = WIRE_HTTP, .url = "https://example.org/" };

    (void) state;
    assert_null(wire_request_problem(&request, false));
    request.url = "HTTPS://example.org/";
    assert_null(wire_request_problem(&request, false));
    request.url = "http://example.org/";
    assert_non_null(wire_request_problem(&request, false));
    assert_null(wire_request_problem(&request, true));
    request.url = "smtp://example.org/";
    assert_non_null(wire_request_problem(&request, true));
    request.kind = WIRE_MAIL;
    request.mail_to = "a@example.org";
    assert_null(wire_request_problem(&request, true));
    assert_non_null(wire_request_problem(&request, false));
    request.starttls = true;
    assert_null(wire_request_problem(&request, false));
    request.starttls = false;
    request.url = "smtps://example.org/";
    assert_null(wire_request_problem(&request, false));
    request.mail_to = "a@example.org>\r\nRCPT TO:<b@example.org";
    assert_non_null(wire_request_problem(&request, false));
    request.mail_to = NULL;
    assert_non_null(wire_request_problem(&request, false));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_header),
        cmocka_unit_test(test_answer_header),
        cmocka_unit_test(test_mailbox),
        cmocka_unit_test(test_mail_reply),
        cmocka_unit_test(test_mail_reply_malformed),
        cmocka_unit_test(test_mail_reply_long),
        cmocka_unit_test(test_request_problem),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
