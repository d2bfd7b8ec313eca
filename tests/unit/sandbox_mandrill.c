/* The Mandrill double: every rule has a request that breaks it. */
#include "unit/sandbox_helper.h"

#define MAIL                                                                                       \
    "{\"key\":\"md-key\",\"message\":{\"from_email\":\"n@example.org\",\"subject\":\"Order "       \
    "shipped\",\"text\":\"x\",\"html\":\"<p>x</p>\",\"to\":[{\"email\":\"a@example.org\","         \
    "\"type\":\"to\"}],\"metadata\":{\"nid\":\"8731\"},\"preserve_recipients\":false}}"

static void
correct(void)
{
    credentials.secrets = "MANDRILL_API_KEY=md-key\n";
    start_request("/api/1.3/messages/send", MAIL);
    add("content-type", "application/json");
}

static int
set_up(void **state)
{
    (void) state;
    start_env();
    correct();
    return 0;
}

static void
test_success(void **state)
{
    struct double_reply reply = judge(&double_mandrill);
    struct rendered seen = { 0 };

    (void) state;
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.decision, DECISION_ACCEPT);
    assert_non_null(
        strstr(reply.body, "[{\"email\":\"a@example.org\",\"status\":\"sent\",\"_id\""));
    assert_string_equal(reply.address, "a@example.org");
    assert_string_equal(reply.id, "8731");
    double_mandrill.render(&request, arena, &seen);
    assert_string_equal(seen.from, "n@example.org");
    assert_string_equal(seen.to, "a@example.org");
    assert_string_equal(seen.subject, "Order shipped");
    assert_string_equal(seen.text, "x");
    assert_string_equal(seen.html, "<p>x</p>");
    request.path = "/api/1.3/messages/send.json";
    assert_accepted(&double_mandrill, "with an extension", 200);
}

static void
test_envelope(void **state)
{
    (void) state;
    request.path = "/api/1.3/messages/sent";
    assert_refused(&double_mandrill, "path", 404, "<html>");
    correct();
    request.method = "PUT";
    assert_refused(&double_mandrill, "PUT", 405, "<html>");
    correct();
    set("content-type", "text/plain");
    assert_refused(&double_mandrill, "type", 415, "<html>");
    correct();
    add("content-type", "application/json");
    assert_refused(&double_mandrill, "duplicate header", 400, "<html>");
    correct();
    request.body = repeated('x', (size_t) 25 * 1024 * 1024 + 1);
    request.body_len = (size_t) 25 * 1024 * 1024 + 1;
    assert_refused(&double_mandrill, "25 MB", 413, "<html>");
}

static void
test_fields(void **state)
{
    static const struct
    {
        const char *from;
        const char *to;
        const char *part;
    } rows[] = {
        { "\"key\":\"md-key\",", "", "\"name\":\"ValidationError\"" },
        { "md-key", "md-other", "\"code\":-1,\"name\":\"Invalid_Key\"" },
        { "{\"key\"", "{\"colour\":1,\"key\"", "colour" },
        { "\"subject\"", "\"colour\":1,\"subject\"", "message.colour" },
        { "[{\"email\":\"a@example.org\",\"type\":\"to\"}]", "[]", "message.to" },
        { "\"email\":\"a@example.org\",", "", "message.to.0.email" },
        { "\"type\":\"to\"", "\"type\":\"all\"", "message.to.0.type" },
        { "false", "\"false\"", "preserve_recipients" },
        { "\"subject\"", "\"tags\":[\"_x\"],\"subject\"", "message.tags.0" },
        { "\"subject\"",
          "\"tags\":[\"a\",\"012345678901234567890123456789012345678901234567890\"],\"subject\"",
          "message.tags.1" },
        { "\"subject\"", "\"headers\":{\"X-A\":1},\"subject\"", "message.headers" },
        { "\"subject\"", "\"headers\":{\"X-A\":\"1\\r\\nBcc: x\"},\"subject\"", "message.headers" },
        { "\"subject\"", "\"headers\":{\"X A\":\"1\"},\"subject\"", "message.headers" },
        { "\"subject\"", "\"attachments\":[{\"content\":\"a b\"}],\"subject\"",
          "message.attachments.0" },
        { "{\"key\"", "{\"send_at\":\"2026-01-01T00:00:00Z\",\"key\"", "send_at" },
        { "{\"key\"", "{\"send_at\":1767225600,\"key\"", "send_at" },
        { "{\"key\"", "{\"async\":\"false\",\"key\"", "async" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        set_body(replaced(MAIL, rows[i].from, rows[i].to));
        assert_refused(&double_mandrill, rows[i].to, 500, rows[i].part);
    }
    set_body("{\"key\":\"md-key\"}");
    assert_refused(&double_mandrill, "no message", 500, "ValidationError");
    set_body("[");
    assert_refused(&double_mandrill, "no JSON", 500, "ValidationError");
}

/* What becomes of recipients is told with status 200. */
static void
test_recipients(void **state)
{
    struct buf many;

    (void) state;
    set_body(replaced(MAIL, "a@example.org", "nobody"));
    assert_refused(&double_mandrill, "recipient", 200, "\"status\":\"invalid\"");
    set_body(replaced(MAIL, "n@example.org", "nobody"));
    assert_refused(&double_mandrill, "sender", 200, "\"reject_reason\":\"invalid-sender\"");
    set_body(replaced(MAIL, "\"type\":\"to\"}", "\"type\":\"to\"},{\"email\":\"nobody\"}"));
    assert_refused(&double_mandrill, "one of two", 200, "\"status\":\"sent\"");
    assert_refused(&double_mandrill, "one of two", 200, "\"status\":\"invalid\"");
    set_body(replaced(MAIL, "{\"key\"", "{\"async\":true,\"key\""));
    assert_non_null(strstr(judge(&double_mandrill).body, "\"status\":\"queued\""));
    set_body(replaced(MAIL, "{\"key\"", "{\"send_at\":\"2026-01-01 00:00:00\",\"key\""));
    assert_non_null(strstr(judge(&double_mandrill).body, "\"status\":\"scheduled\""));
    buf_init(&many, 10000);
    for (int i = 0; i < 10; i++)
    {
        buf_printf(&many, "{\"email\":\"a%d@example.org\"},", i);
    }
    set_body(replaced(MAIL, "\"to\":[", arena_printf(arena, "\"to\":[%s", many.data)));
    assert_null(strstr(judge(&double_mandrill).body, "\"status\":\"sent\""));
    buf_finish(&many);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_success, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_envelope, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_fields, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_recipients, set_up, finish_env),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
