/* core/mail.c end to end, against a scripted SMTP server on the same loop. */
#include "unit/http_peer.h"

static void
use_mail(void)
{
    server.on_input = on_smtp_input;
    server.smtp_greeting = "220-first\r\n220 second\r\n";
    server.smtp_ehlo = "250-there\r\n250-AUTH PLAIN\r\n250 SIZE 1000000\r\n";
    request = (struct wire_request){ .kind = WIRE_MAIL };
    request.url = arena_printf(arena, "smtp://127.0.0.1:%d/client.example", server.port);
    request.mail_from = "sender@example.org";
    request.mail_to = "rcpt@example.org";
    request.body = "Subject: x\r\n\r\nline\r\n.dot\r\n";
    request.body_len = strlen(request.body);
}

static void
test_mail(void **state)
{
    (void) state;
    use_mail();
    request.username = "user";
    request.password = "pass";
    exchange();
    assert_int_equal(answer->result, WIRE_ANSWERED);
    assert_int_equal(answer->status, 250);
    assert_int_equal(answer->stage, SMTP_DATA);
    assert_string_equal(answer->smtp_text, "2.0.0 queued as 42");
    assert_non_null(strstr(server.last, "EHLO client.example|AUTH PLAIN"));
    assert_non_null(strstr(server.last, "|MAIL FROM:<sender@example.org> SIZE="));
    assert_non_null(strstr(server.last, "|RCPT TO:<rcpt@example.org>|DATA|"));
    assert_string_equal(server.mail, "Subject: x\n\nline\n..dot\n.\n");
    server.last[0] = '\0';
    request.mail_from = "";
    exchange();
    assert_int_equal(answer->status, 250);
    assert_int_equal(answer->stage, SMTP_DATA);
    assert_int_equal(server.connections, 1);
    assert_int_equal(strncmp(server.last, "MAIL FROM:<> ", 13), 0);
}

/* A message that goes out in several parts, whose ends fall everywhere between two lines. */
static void
test_mail_parts(void **state)
{
    (void) state;
    use_mail();
    for (size_t shift = 0; shift < 5; shift++)
    {
        struct buf sent;
        struct buf wanted;

        buf_init(&sent, 65536);
        buf_init(&wanted, 65536);
        buf_printf(&sent, "%.*s\r\n", (int) shift, "xxxxx");
        buf_printf(&wanted, "%.*s\n", (int) shift, "xxxxx");
        while (sent.len < 40000)
        {
            buf_puts(&sent, "..a\r\n");
            buf_puts(&wanted, "...a\n");
        }
        buf_puts(&sent, "no line end");
        buf_puts(&wanted, "no line end\n.\n");
        request.body = sent.data;
        request.body_len = sent.len;
        server.mail[0] = '\0';
        exchange();
        assert_int_equal(answer->status, 250);
        assert_string_equal(server.mail, wanted.data);
        buf_finish(&sent);
        buf_finish(&wanted);
    }
    assert_int_equal(server.connections, 1);
}

static void
test_mail_refused(void **state)
{
    static const struct
    {
        const char *command;
        const char *answer;
        enum smtp_stage stage;
        int status;
        const char *text;
    } cases[] = {
        { "MAIL", "451 4.3.0 later\r\n", SMTP_MAIL, 451, "4.3.0 later" },
        { "RCPT", "550-5.1.1 no\r\n550 5.1.1 mailbox\r\n", SMTP_RCPT, 550,
          "5.1.1 no 5.1.1 mailbox" },
        { "RCPT", "450 4.2.0 greylisted\r\n", SMTP_RCPT, 450, "4.2.0 greylisted" },
        { "DATA", "554 no\r\n", SMTP_DATA, 554, "no" },
        { ".", "554 5.7.1 spam\r\n", SMTP_DATA, 554, "5.7.1 spam" },
        { ".", "452 full\r\n", SMTP_DATA, 452, "full" },
    };

    (void) state;
    use_mail();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    {
        /* On a new connection, then on a reused one. */
        server.smtp_refuse = NULL;
        request.fresh_connection = true;
        exchange();
        assert_int_equal(answer->status, 250);
        server.smtp_refuse = cases[i].command;
        server.smtp_answer = cases[i].answer;
        for (int fresh = 0; fresh <= 1; fresh++)
        {
            request.fresh_connection = fresh == 1;
            exchange();
            assert_int_equal(answer->result, WIRE_ANSWERED);
            assert_int_equal(answer->status, cases[i].status);
            assert_int_equal(answer->stage, cases[i].stage);
            assert_string_equal(answer->smtp_text, cases[i].text);
        }
    }
}

static void
test_mail_connect_refused(void **state)
{
    (void) state;
    use_mail();
    request.username = "user";
    request.password = "wrong";
    server.smtp_refuse = "AUTH";
    server.smtp_answer = "535 5.7.8 bad credentials\r\n";
    exchange();
    assert_int_equal(answer->result, WIRE_AUTH_FAILED);
    assert_int_equal(answer->status, 535);
    assert_int_equal(answer->stage, SMTP_CONNECT);
    assert_null(strstr(server.last, "MAIL"));
    server.smtp_refuse = NULL;
    request.username = NULL;
    request.starttls = true; /* which the server does not offer */
    exchange();
    assert_int_equal(answer->result, WIRE_AUTH_FAILED);
    request.starttls = false;
    server.smtp_greeting = "421 4.3.2 too busy\r\n";
    exchange();
    assert_int_equal(answer->result, WIRE_ANSWERED);
    assert_int_equal(answer->stage, SMTP_CONNECT);
    assert_int_equal(answer->status, 421);
    assert_string_equal(answer->smtp_text, "4.3.2 too busy");
}

/* Refused or not, a connection is used again, and there are never more than allowed. */
static void
test_mail_connections(void **state)
{
    (void) state;
    use_mail();
    exchange_many(20);
    assert_int_equal(answer->status, 250);
    assert_int_equal(server.requests, 20);
    assert_int_equal(server.connections, 2);
    server.smtp_refuse = "RCPT";
    server.smtp_answer = "550 5.1.1 no\r\n";
    exchange_many(5);
    assert_int_equal(answer->status, 550);
    server.smtp_refuse = NULL;
    exchange_many(5);
    assert_int_equal(answer->status, 250);
    assert_int_equal(server.connections, 2);
    assert_non_null(strstr(server.last, "|RSET|"));
    /* Other credentials, other connection. */
    request.username = "user";
    request.password = "pass";
    exchange();
    assert_int_equal(server.connections, 3);
    assert_int_equal(answer->status, 250);
}

static void
test_mail_beyond_ascii(void **state)
{
    (void) state;
    use_mail();
    request.mail_to = "j\xc3\xb6rg@example.org";
    exchange();
    assert_int_equal(answer->result, WIRE_FORBIDDEN);
    assert_null(strstr(server.last, "MAIL"));
    server.smtp_ehlo = "250-there\r\n250 SMTPUTF8\r\n";
    exchange();
    assert_int_equal(answer->status, 250);
    assert_non_null(strstr(server.last, "MAIL FROM:<sender@example.org> SMTPUTF8|"));
}

/* A reply in pieces, and replies that are none. */
static void
test_mail_nonsense(void **state)
{
    static const char *const replies[] = { "hello\r\n", "150 what\r\n", "250 ok\r\n250 ok\r\n",
                                           "999999\r\n" };

    (void) state;
    use_mail();
    server.smtp_refuse = "DATA";
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++)
    {
        server.smtp_answer = replies[i];
        exchange();
        assert_int_equal(answer->result, WIRE_NOT_SENT);
        assert_int_equal(server.requests, 0);
    }
    server.smtp_refuse = ".";
    server.smtp_answer = "what?\r\n";
    exchange();
    assert_int_equal(answer->result, WIRE_AMBIGUOUS);
}

static void
test_mail_destroy_in_flight(void **state)
{
    int left = 5;

    (void) state;
    use_mail();
    server.smtp_refuse = "DATA";
    server.smtp_answer = "";
    for (int i = 0; i < 5; i++)
    {
        http_start(http, &request, &options, arena, on_done, &left);
    }
    assert_int_equal(http_in_flight(http), 5);
    loop_timer_start(guard, 50, 0);
    loop_run(loop);
    assert_int_equal(answers, 0);
}

static void
test_mail_cut(void **state)
{
    static const struct
    {
        const char *command;
        enum wire_result result;
    } cases[] = {
        { "EHLO", WIRE_NOT_SENT }, { "MAIL", WIRE_NOT_SENT }, { "RCPT", WIRE_NOT_SENT },
        { "DATA", WIRE_NOT_SENT }, { ".", WIRE_AMBIGUOUS },
    };

    (void) state;
    use_mail();
    server.smtp_answer = NULL;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    {
        server.smtp_refuse = cases[i].command;
        exchange();
        assert_int_equal(answer->result, cases[i].result);
        assert_non_null(answer->error);
    }
}

static void
test_mail_timeout(void **state)
{
    (void) state;
    use_mail();
    options.total_timeout_ms = 300;
    server.smtp_answer = "";
    server.smtp_refuse = "RCPT";
    exchange();
    assert_int_equal(answer->result, WIRE_NOT_SENT);
    server.smtp_refuse = ".";
    exchange();
    assert_int_equal(answer->result, WIRE_AMBIGUOUS);
    assert_int_equal(answer->status, 354);
}

/* A server that says 421 to an idle connection: the next mail goes out once, over a new one. */
static void
test_mail_stale_connection(void **state)
{
    (void) state;
    use_mail();
    server.smtp_after_dot = "421 4.4.2 idle too long\r\n";
    exchange();
    assert_int_equal(answer->status, 250);
    /* Let the 421 arrive before the connection is used again. */
    loop_timer_start(guard, 50, 0);
    loop_run(loop);
    server.smtp_after_dot = NULL;
    exchange();
    assert_int_equal(answer->result, WIRE_ANSWERED);
    assert_int_equal(answer->status, 250);
    assert_int_equal(answer->stage, SMTP_DATA);
    assert_int_equal(server.connections, 2);
    assert_int_equal(server.requests, 2);
}

/* The same, but it says so only when the next mail begins, or not at all. */
static void
test_mail_stale_at_next_mail(void **state)
{
    static const char *const farewells[] = { "421 4.4.2 idle too long\r\n", "" };

    (void) state;
    use_mail();
    for (size_t i = 0; i < 2; i++)
    {
        server.smtp_stale = farewells[i];
        request.fresh_connection = true;
        exchange();
        assert_int_equal(answer->status, 250);
        request.fresh_connection = false;
        server.requests = 0;
        exchange();
        assert_int_equal(answer->result, WIRE_ANSWERED);
        assert_int_equal(answer->status, 250);
        assert_int_equal(server.requests, 1);
    }
    /* On a new connection it is the answer. */
    server.smtp_refuse = "MAIL";
    server.smtp_answer = "421 4.3.2 shutting down\r\n";
    request.fresh_connection = true;
    exchange();
    assert_int_equal(answer->status, 421);
    assert_int_equal(answer->stage, SMTP_MAIL);
}

static void
test_mail_injection(void **state)
{
    static const char *const bad[] = { "a@example.org>\r\nRCPT TO:<b@example.org",
                                       "a@example.org\nDATA", "a b@example.org",
                                       "<a@example.org>" };

    (void) state;
    use_mail();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    {
        request.mail_to = bad[i];
        exchange();
        assert_int_equal(answer->result, WIRE_FORBIDDEN);
        request.mail_to = "rcpt@example.org";
        request.mail_from = bad[i];
        exchange();
        assert_int_equal(answer->result, WIRE_FORBIDDEN);
        request.mail_from = "sender@example.org";
    }
    request.mail_to = "";
    exchange();
    assert_int_equal(answer->result, WIRE_FORBIDDEN);
    request.mail_to = "rcpt@example.org";
    options.allow_http = false;
    exchange();
    assert_int_equal(answer->result, WIRE_FORBIDDEN);
    assert_int_equal(server.connections, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_mail),
        TEST(test_mail_parts),
        TEST(test_mail_refused),
        TEST(test_mail_connect_refused),
        TEST(test_mail_connections),
        TEST(test_mail_beyond_ascii),
        TEST(test_mail_nonsense),
        TEST(test_mail_destroy_in_flight),
        TEST(test_mail_cut),
        TEST(test_mail_timeout),
        TEST(test_mail_stale_connection),
        TEST(test_mail_stale_at_next_mail),
        TEST(test_mail_injection),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
