/* The webhook double: every rule has a request that breaks it. */
#include "unit/sandbox_helper.h"

#define BODY "{\"test\": 2432232314}"

static char *
sign(const char *id, const char *timestamp, const char *body)
{
    size_t key_len;
    uint8_t *key = crypto_base64_decode(arena, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &key_len);
    const char *text = arena_printf(arena, "%s.%s.%s", id, timestamp, body);
    uint8_t mac[32];

    crypto_hmac_sha256(key, key_len, text, strlen(text), mac);
    return arena_printf(arena, "v1,%s", crypto_base64(arena, mac, sizeof(mac)));
}

static void
correct(void)
{
    credentials.secrets = "WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n";
    env.now_us = (int64_t) 1614265330 * 1000000;
    start_request("/hooks/orders", BODY);
    add("content-type", "application/json");
    add("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek");
    add("webhook-timestamp", "1614265330");
    add("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
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
    struct double_reply reply = judge(&double_webhook);

    (void) state;
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.address, "orders");
    assert_string_equal(reply.id, "msg_p5jXN8AQM9LWM0D4loKWxJek");
    set("webhook-signature", "v1a,AAAA v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_accepted(&double_webhook, "several signatures", 200);
}

static void
test_refused(void **state)
{
    static const struct
    {
        const char *name;
        const char *value;
        int status;
    } rows[] = {
        { "content-type", "text/plain", 415 },
        { "webhook-id", NULL, 401 },
        { "webhook-id", "msg.1", 400 },
        { "webhook-id", "msg_other", 401 },
        { "webhook-timestamp", NULL, 401 },
        { "webhook-timestamp", "1614265331", 401 },
        { "webhook-timestamp", "1614265630000", 401 },
        { "webhook-timestamp", "now", 401 },
        { "webhook-signature", NULL, 401 },
        { "webhook-signature", "v1,AAAA", 401 },
        { "webhook-signature", "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", 401 },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        correct();
        set(rows[i].name, rows[i].value);
        assert_refused(&double_webhook, rows[i].name, rows[i].status, "error");
    }
    correct();
    env.now_us += (int64_t) 301 * 1000000;
    assert_refused(&double_webhook, "old", 401, "five minutes");
    correct();
    set_body("{\"test\": 1}");
    assert_refused(&double_webhook, "body", 401, "signature");
    set_body("{\"test\": ");
    assert_refused(&double_webhook, "no JSON", 400, "JSON");
    correct();
    request.method = "GET";
    assert_refused(&double_webhook, "GET", 405, "POST");
    correct();
    request.path = "/hooks/";
    assert_refused(&double_webhook, "no name", 404, "name");
    correct();
    add("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek");
    assert_refused(&double_webhook, "duplicate header", 400, "twice");
}

static void
test_repeat(void **state)
{
    const char *id = "msg_p5jXN8AQM9LWM0D4loKWxJek";

    (void) state;
    assert_accepted(&double_webhook, "first", 200);
    set("webhook-timestamp", "1614265335");
    set("webhook-signature", sign(id, "1614265335", BODY));
    assert_accepted(&double_webhook, "retry", 200);
    set_body("{}");
    set("webhook-signature", sign(id, "1614265335", "{}"));
    assert_refused(&double_webhook, "another body", 409, "another body");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_success, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_refused, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_repeat, set_up, finish_env),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
