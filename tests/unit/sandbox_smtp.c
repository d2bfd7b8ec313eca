/* The SMTP double: every rule has a session that breaks it; and how mail is rendered. */
#include "unit/sandbox_helper.h"

#include "sandbox/mime.h"
#include "sandbox/smtp.h"

#define HEAD                                                                                       \
    "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\nFrom: n@example.org\r\nTo: a@example.org\r\n"        \
    "Subject: x\r\nMessage-ID: <1@example.org>\r\n\r\n"

static struct smtp_session session;

static int
set_up(void **state)
{
    (void) state;
    start_env();
    credentials.secrets = "SMTP_PASSWORD=secret\n";
    smtp_init(&session, &env);
    buf_reset(&session.out);
    return 0;
}

static int
tear_down(void **state)
{
    smtp_finish(&session);
    return finish_env(state);
}

/* Feed everything; recipients are accepted. The last event. */
static enum smtp_event
say(const char *text)
{
    size_t len = strlen(text);
    size_t at = 0;
    enum smtp_event event = SMTP_MORE;

    buf_reset(&session.out);
    while (at < len && event != SMTP_CLOSE)
    {
        size_t used;

        event = smtp_feed(&session, text + at, len - at, &used);
        at += used;
        if (event == SMTP_RCPT)
        {
            smtp_reply_recipient(&session, true, "250 2.1.5 Ok");
        }
    }
    return event;
}

static void
assert_said(const char *text, enum smtp_event event, const char *reply)
{
    enum smtp_event got = say(text);

    if (got != event || strstr(session.out.data, reply) == NULL)
    {
        fail_msg("%s: event %d, reply %s", text, (int) got, session.out.data);
    }
    if (event == SMTP_REFUSED)
    {
        assert_non_null(session.violation);
    }
}

/* Greeted, encrypted, logged in. */
static void
log_in(void)
{
    assert_said("EHLO client.example.org\r\n", SMTP_MORE, "250 STARTTLS");
    assert_said("STARTTLS\r\n", SMTP_STARTTLS, "220");
    smtp_secured(&session);
    assert_said("EHLO client.example.org\r\n", SMTP_MORE, "250 AUTH PLAIN LOGIN");
    assert_said("AUTH PLAIN AGhlcmFsZABzZWNyZXQ=\r\n", SMTP_MORE, "235");
}

static void
start_message(const char *parameters)
{
    say(arena_printf(arena, "MAIL FROM:<n@example.org>%s\r\n", parameters));
    assert_non_null(session.from);
    assert_said("RCPT TO:<a@example.org>\r\n", SMTP_RCPT, "250");
    assert_said("DATA\r\n", SMTP_MORE, "354");
}

/* A message with this text below the head must be refused with this reply. */
static void
assert_message(const char *parameters, const char *message, const char *verdict)
{
    start_message(parameters);
    assert_int_equal(say(message), SMTP_MESSAGE);
    if (strncmp(session.verdict, verdict, strlen(verdict)) != 0)
    {
        fail_msg("%s: %s", message, session.verdict);
    }
    assert_true((session.violation != NULL) == (verdict[0] != '2'));
    smtp_end_message(&session);
}

static void
test_success(void **state)
{
    (void) state;
    log_in();
    start_message(" SIZE=200 BODY=7BIT");
    assert_string_equal(session.from, "n@example.org");
    assert_int_equal(say(HEAD "Parcel\r\n..dot\r\n.\r\n"), SMTP_MESSAGE);
    assert_null(session.violation);
    assert_int_equal(strncmp(session.verdict, "250 2.0.0", 9), 0);
    assert_string_equal(session.message.data, HEAD "Parcel\r\n.dot\r\n");
    smtp_end_message(&session);
    assert_message("", HEAD "again\r\n.\r\n", "250");
    assert_said("QUIT\r\n", SMTP_CLOSE, "221");
}

/* Each byte on its own gives the same session. */
static void
test_byte_by_byte(void **state)
{
    const char *text = HEAD "Parcel\r\n.\r\n";
    size_t used;

    (void) state;
    log_in();
    start_message("");
    for (size_t i = 0; i + 1 < strlen(text); i++)
    {
        assert_int_equal(smtp_feed(&session, text + i, 1, &used), SMTP_MORE);
    }
    assert_int_equal(smtp_feed(&session, "\n", 1, &used), SMTP_MESSAGE);
    assert_null(session.violation);
}

static void
test_login(void **state)
{
    (void) state;
    assert_said("EHLO <x>\r\n", SMTP_REFUSED, "501");
    assert_said("AUTH PLAIN AGhlcmFsZABzZWNyZXQ=\r\n", SMTP_REFUSED, "538 5.7.11");
    assert_said("MAIL FROM:<n@example.org>\r\n", SMTP_REFUSED, "530 5.7.0 Must issue a STARTTLS");
    assert_said("EHLO client.example.org\r\n", SMTP_MORE, "250");
    assert_said("MAIL FROM:<n@example.org>\r\n", SMTP_REFUSED, "530");
    assert_said("STARTTLS\r\n", SMTP_STARTTLS, "220");
    smtp_secured(&session);
    assert_said("AUTH PLAIN AGhlcmFsZABzZWNyZXQ=\r\n", SMTP_REFUSED, "503");
    assert_said("EHLO client.example.org\r\n", SMTP_MORE, "250");
    assert_said("STARTTLS\r\n", SMTP_REFUSED, "503");
    assert_said("MAIL FROM:<n@example.org>\r\n", SMTP_REFUSED, "530 5.7.0 Authentication");
    assert_said("AUTH PLAIN AGhlcmFsZAB3cm9uZw==\r\n", SMTP_REFUSED, "535 5.7.8");
    assert_said("AUTH PLAIN ???\r\n", SMTP_REFUSED, "501");
    assert_said("AUTH CRAM-MD5\r\n", SMTP_REFUSED, "504");
    assert_said("AUTH LOGIN\r\n", SMTP_MORE, "334");
    assert_said("aGVyYWxk\r\n", SMTP_MORE, "334");
    assert_said("d3Jvbmc=\r\n", SMTP_REFUSED, "535");
    assert_said("AUTH LOGIN aGVyYWxk\r\n", SMTP_MORE, "334");
    assert_said("c2VjcmV0\r\n", SMTP_MORE, "235");
    assert_said("AUTH LOGIN aGVyYWxk\r\n", SMTP_REFUSED, "503");
}

static void
test_commands(void **state)
{
    static const struct
    {
        const char *line;
        const char *reply;
    } rows[] = {
        { "HELP\r\n", "500 5.5.2" },
        { "RCPT TO:<a@example.org>\r\n", "503" },
        { "DATA\r\n", "503" },
        { "MAIL FROM:n@example.org\r\n", "501 5.5.4" },
        { "MAIL FROM: <n@example.org>\r\n", "501 5.5.4" },
        { "MAIL FROM:<n@example.org\r\n", "501 5.5.4" },
        { "MAIL FROM:<n example.org>\r\n", "501 5.1.7" },
        { "MAIL FROM:<n@example.org> RET=HDRS\r\n", "555 5.5.4" },
        { "MAIL FROM:<n@example.org> SMTPUTF8\r\n", "555 5.5.4" },
        { "MAIL FROM:<n@example.org> SIZE=10485761\r\n", "552 5.3.4" },
        { "MAIL FROM:<n@example.org> SIZE=x\r\n", "555 5.5.4" },
        { "MAIL FROM:<n\xc3\xa4@example.org>\r\n", "553 5.6.7" },
        { "MAIL FROM:<n@example.org>\n", "500 5.5.2 Bare <LF>" },
        { "MAIL FROM:<n@example.org>\tSIZE=1\r\n", "500 5.5.2 Control" },
        { "MAIL FROM:<n@example.org>\rRCPT TO:<b@example.org>\r\n", "500 5.5.2 Control" },
    };

    (void) state;
    log_in();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        assert_said(rows[i].line, SMTP_REFUSED, rows[i].reply);
    }
    assert_said(arena_printf(arena, "MAIL FROM:<%s@example.org>\r\n", repeated('x', 600)),
                SMTP_REFUSED, "500 5.5.6");
}

static void
test_recipients(void **state)
{
    static const struct
    {
        const char *line;
        const char *reply;
    } rows[] = {
        { "RCPT TO:a@example.org\r\n", "501 5.5.4" },
        { "RCPT TO:<a@example.org> NOTIFY=FAILURE\r\n", "555 5.5.4" },
        { "RCPT TO:<a@example.org> RCPT TO:<b@example.org>\r\n", "501 5.1.3" },
        { "RCPT TO:<a@example.org>RCPT\r\n", "501 5.5.4" },
        { "RCPT TO:<a>b@example.org>\r\n", "501 5.1.3" },
        { "RCPT TO:<\xc3\xa4@example.org>\r\n", "553 5.6.7" },
        { "RCPT TO:<>\r\n", "501 5.1.3" },
        { "MAIL FROM:<n@example.org>\r\n", "503" },
    };

    (void) state;
    log_in();
    assert_said("MAIL FROM:<>\r\n", SMTP_MORE, "250");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        assert_said(rows[i].line, SMTP_REFUSED, rows[i].reply);
    }
    for (size_t i = 0; i < SMTP_RECIPIENTS_MAX; i++)
    {
        assert_said("RCPT TO:<a@example.org>\r\n", SMTP_RCPT, "250");
    }
    assert_said("RCPT TO:<a@example.org>\r\n", SMTP_REFUSED, "452");
}

/* A line break inside an address arrives as a second command along with the first. */
static void
test_smuggled(void **state)
{
    (void) state;
    log_in();
    assert_said("MAIL FROM:<n@example.org>\r\n", SMTP_MORE, "250");
    assert_said("RCPT TO:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n", SMTP_CLOSE, "503 5.5.0");
    assert_non_null(session.violation);
}

static void
test_message(void **state)
{
    (void) state;
    log_in();
    assert_message("", HEAD "a\nb\r\n.\r\n", "550 5.5.2 Bare <LF>");
    assert_message("", HEAD "a\r\n.\nb\r\n.\r\n", "550 5.5.2 Bare <LF>");
    assert_message("", HEAD "a\rb\r\n.\r\n", "550 5.5.2 Bare <CR>");
    assert_message("", HEAD "\xc3\xa4\r\n.\r\n", "550 5.6.1");
    assert_message(" BODY=8BITMIME", HEAD "\xc3\xa4\r\n.\r\n", "250");
    assert_message("", "Subject: x\r\n\r\nx\r\n.\r\n", "550 5.6.0 header date");
    assert_message("", "Subject: y\r\n" HEAD "x\r\n.\r\n", "550 5.6.0 header subject");
    assert_message("", arena_printf(arena, HEAD "%s\r\n.\r\n", repeated('x', 998)), "250");
    assert_message("", arena_printf(arena, HEAD ".%s\r\n.\r\n", repeated('.', 998)), "250");
    assert_message("", arena_printf(arena, HEAD "%s\r\n.\r\n", repeated('x', 999)), "550 5.6.0");
    assert_message("", arena_printf(arena, HEAD "%s\r\n.\r\n", repeated('x', 20000)), "550 5.6.0");
}

static void
test_size(void **state)
{
    char *line = arena_printf(arena, "%s\r\n", repeated('x', 900));

    (void) state;
    log_in();
    start_message("");
    say(HEAD);
    for (size_t i = 0; i < SMTP_SIZE_MAX / 900; i++)
    {
        assert_int_equal(say(line), SMTP_MORE);
    }
    assert_int_equal(say(".\r\n"), SMTP_MESSAGE);
    assert_int_equal(strncmp(session.verdict, "552 5.3.4", 9), 0);
}

static void
test_fault_replies(void **state)
{
    (void) state;
    assert_string_equal(smtp_fault_reply(arena, STATUS_UNREGISTERED, false),
                        "550-5.1.1 Refused by the sandbox\r\n550 5.1.1 as was asked for");
    assert_int_equal(strncmp(smtp_fault_reply(arena, 503, false), "451 4.3.0", 9), 0);
    assert_int_equal(strncmp(smtp_fault_reply(arena, 429, false), "450 4.2.1", 9), 0);
    assert_int_equal(strncmp(smtp_fault_reply(arena, 552, true), "552-5.3.4", 9), 0);
}

static void
test_rendering(void **state)
{
    const char *message =
        "From: =?UTF-8?Q?Sch=C3=B6n?= <n@example.org>\r\nTo: a@example.org\r\n"
        "Subject: =?UTF-8?B?w5ZyZGVyIA==?=\r\n =?UTF-8?Q?shipped_now?= ok\r\n"
        "Content-Type: multipart/mixed; boundary=\"m\"\r\n\r\npreamble\r\n--m\r\n"
        "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n"
        "Content-Type: text/plain; charset=iso-8859-1\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=\r\n=DFe\r\n--b\r\n"
        "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        "PHA+SMO2\r\nPC9wPg==\r\n--b--\r\n--m\r\nContent-Type: text/plain\r\n"
        "Content-Disposition: attachment\r\n\r\nfile\r\n--m--\r\n";
    struct rendered seen = { 0 };

    (void) state;
    mime_render(message, strlen(message), arena, &seen);
    assert_string_equal(seen.from, "Sch\xc3\xb6n <n@example.org>");
    assert_string_equal(seen.subject, "\xc3\x96rder shipped now ok");
    assert_string_equal(seen.text, "Gr\xc3\xbc\xc3\x9f"
                                   "e\r\n");
    assert_string_equal(seen.html, "<p>H\xc3\xb6</p>");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_success, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_byte_by_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_login, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_commands, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_recipients, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_smuggled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_size, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fault_replies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rendering, set_up, tear_down),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
