/* The SendGrid double: every rule has a request that breaks it. */
#include "unit/sandbox_helper.h"

#define MAIL                                                                                       \
    "{\"personalizations\":[{\"to\":[{\"email\":\"a@example.org\"}],"                              \
    "\"custom_args\":{\"nid\":\"8731\"}}],\"from\":{\"email\":\"n@example.org\",\"name\":\"S\"},"  \
    "\"subject\":\"Order shipped\",\"content\":[{\"type\":\"text/plain\",\"value\":\"x\"},"        \
    "{\"type\":\"text/html\",\"value\":\"<p>x</p>\"}]}"

static void
correct(void)
{
    credentials.secrets = "SENDGRID_API_KEY=SG.key\n";
    start_request("/v3/mail/send", MAIL);
    add("authorization", "Bearer SG.key");
    add("accept", "*/*");
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
    struct double_reply reply = judge(&double_sendgrid);
    struct rendered seen = { 0 };

    (void) state;
    assert_int_equal(reply.status, 202);
    assert_int_equal(reply.body_len, 0);
    assert_int_equal(strlen(reply_value(&reply, "x-message-id")), 22);
    assert_string_equal(reply.address, "a@example.org");
    assert_string_equal(reply.id, "8731");
    double_sendgrid.render(&request, arena, &seen);
    assert_string_equal(seen.html, "<p>x</p>");
    assert_string_equal(seen.subject, "Order shipped");
    set_body(replaced(MAIL, "{\"pers",
                      "{\"mail_settings\":{\"sandbox_mode\":{\"enable\":true}},\"pers"));
    assert_accepted(&double_sendgrid, "sandbox mode", 200);
}

static void
test_envelope(void **state)
{
    static const struct
    {
        const char *name;
        const char *value;
        int status;
    } rows[] = {
        { "authorization", NULL, 401 },
        { "authorization", "Bearer SG.other", 401 },
        { "accept", NULL, 406 },
        { "content-type", "application/x-www-form-urlencoded", 415 },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        correct();
        set(rows[i].name, rows[i].value);
        assert_refused(&double_sendgrid, rows[i].name, rows[i].status, "\"errors\":[");
    }
    correct();
    request.method = "PUT";
    assert_refused(&double_sendgrid, "PUT", 405, "\"errors\":[");
    correct();
    request.path = "/v3/mail/sent";
    assert_refused(&double_sendgrid, "path", 404, "\"errors\":[");
    correct();
    add("accept", "*/*");
    assert_refused(&double_sendgrid, "duplicate header", 400, "\"errors\":[");
}

static void
test_fields(void **state)
{
    static const struct
    {
        const char *from;
        const char *to;
        const char *field;
    } rows[] = {
        { "{\"pers", "{\"colour\":1,\"pers", "colour" },
        { "\"8731\"", "8731", "personalizations.0.custom_args.nid" },
        { "\"a@example.org\"}", "\"a@example.org\"},{\"email\":\"A@example.org\"}",
          "personalizations.0.to.1.email" },
        { "[{\"email\":\"a@example.org\"}]", "[]", "personalizations.0.to" },
        { "a@example.org", "a example.org", "personalizations.0.to.0.email" },
        { "a@example.org", "<a@example.org>", "personalizations.0.to.0.email" },
        { "n@example.org", "nobody", "from.email" },
        { "\"subject\":\"Order shipped\",", "", "subject" },
        { "\"subject\":",
          "\"reply_to\":{\"email\":\"r@example.org\"},\"reply_to_list\":"
          "[{\"email\":\"r@example.org\"}],\"subject\":",
          "reply_to_list" },
        { "\"subject\":", "\"headers\":{\"Received\":\"x\"},\"subject\":", "headers.Received" },
        { "\"custom_args\":{", "\"headers\":{\"bcc\":\"x\"},\"custom_args\":{",
          "personalizations.0.headers.bcc" },
        { "\"subject\":", "\"send_at\":1767225600000,\"subject\":", "send_at" },
        { "\"subject\":", "\"send_at\":1767484801,\"subject\":", "send_at" },
        { "\"subject\":", "\"send_at\":\"1767225700\",\"subject\":", "send_at" },
        { "\"value\":\"x\"", "\"value\":\"\"", "content.0" },
        { "text/plain", "text/html", "content.1" },
        { "\"subject\":", "\"categories\":\"x\",\"subject\":", "categories" },
        { "\"subject\":",
          "\"categories\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\"],"
          "\"subject\":",
          "categories" },
        { "\"subject\":", "\"attachments\":[{\"content\":\"a b\",\"filename\":\"f\"}],\"subject\":",
          "attachments.0.content" },
        { "\"subject\":", "\"ip_pool_name\":\"x\",\"subject\":", "ip_pool_name" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        char *body = replaced(MAIL, rows[i].from, rows[i].to);

        if (strcmp(rows[i].field, "content.1") == 0)
        {
            body =
                replaced(body, "\"text/html\",\"value\":\"<p>", "\"text/plain\",\"value\":\"<p>");
        }
        set_body(body);
        assert_refused(&double_sendgrid, rows[i].to, 400,
                       arena_printf(arena, "\"field\":\"%s\"", rows[i].field));
    }
    set_body(
        replaced(MAIL, "\"subject\":",
                 arena_printf(arena, "\"categories\":[\"%s\"],\"subject\":", repeated('c', 256))));
    assert_refused(&double_sendgrid, "category", 400, "categories.0");
    set_body("[");
    assert_refused(&double_sendgrid, "no JSON", 400, "\"errors\":[");
}

/* count recipients in one personalization, or one each in many. */
static char *
many(size_t count, bool spread)
{
    struct buf text;
    char *ret;

    buf_init(&text, 1000000);
    for (size_t i = 0; i < count; i++)
    {
        buf_printf(&text, "%s{\"email\":\"a%zu@example.org\"}",
                   i == 0   ? ""
                   : spread ? "]},{\"to\":["
                            : ",",
                   i);
    }
    ret = replaced(MAIL, "{\"email\":\"a@example.org\"}", text.data);
    if (spread)
    {
        ret = replaced(ret, "],\"custom_args\":{\"nid\":\"8731\"}", "]");
    }
    buf_finish(&text);
    return ret;
}

static void
test_recipients(void **state)
{
    (void) state;
    set_body(many(1000, false));
    assert_accepted(&double_sendgrid, "1000 recipients", 202);
    set_body(many(1001, false));
    assert_refused(&double_sendgrid, "1001 recipients", 400, "no more than 1000");
    set_body(many(1000, true));
    assert_accepted(&double_sendgrid, "1000 personalizations", 202);
    set_body(many(1001, true));
    assert_refused(&double_sendgrid, "1001 personalizations", 400, "\"personalizations\"");
}

static void
test_size(void **state)
{
    (void) state;
    request.body = repeated('x', (size_t) 30 * 1024 * 1024 + 1);
    request.body_len = (size_t) 30 * 1024 * 1024 + 1;
    assert_refused(&double_sendgrid, "30 MB", 413, "<html>");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_success, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_envelope, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_fields, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_recipients, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_size, set_up, finish_env),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
