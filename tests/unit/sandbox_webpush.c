/* The double of a push service: every rule has a request that breaks it. */
#include "unit/sandbox_helper.h"

#define TEXT "{\"title\":\"Hi\",\"body\":\"Parcel 12\",\"data\":{\"nid\":\"1\"}}"

static char *app_key; /* VAPID */
static uint8_t app_point[CRYPTO_POINT_BYTES];
static uint8_t browser_point[CRYPTO_POINT_BYTES];

static char *
sign(const char *key, const char *header, const char *claims)
{
    const char *error = NULL;
    char *token = crypto_jwt(arena, JWT_ES256, header, claims, key, &error);

    assert_non_null(token);
    return token;
}

static char *
claims_of(const char *aud, int64_t exp, const char *sub)
{
    return arena_printf(arena, "{\"aud\":\"%s\",\"exp\":%lld,\"sub\":\"%s\"}", aud, (long long) exp,
                        sub);
}

static void
authorize(const char *key, const char *claims, const uint8_t *point)
{
    set("authorization", arena_printf(arena, "vapid t=%s, k=%s",
                                      sign(key, "{\"typ\":\"JWT\",\"alg\":\"ES256\"}", claims),
                                      crypto_base64url(arena, point, CRYPTO_POINT_BYTES)));
}

/* A message for the browser, with a key and salt of its own. */
static uint8_t *
encrypted(const char *text, size_t *ret_len)
{
    uint8_t random[CRYPTO_PUSH_RANDOM_BYTES];
    uint8_t *message;

    crypto_random(random, sizeof(random));
    message = crypto_push_encrypt(arena, browser_point, credentials.browser_auth, random, text,
                                  strlen(text), ret_len);
    assert_non_null(message);
    return message;
}

static void
encrypt_body(const char *text)
{
    request.body = (const char *) encrypted(text, &request.body_len);
}

static void
correct(void)
{
    start_request("/push/browser", "");
    request.authority = "localhost:8443";
    add("ttl", "60");
    add("urgency", "high");
    add("topic", "order-12");
    add("content-encoding", "aes128gcm");
    add("content-type", "application/octet-stream");
    authorize(app_key, claims_of("https://localhost:8443", NOW_S + 43200, "mailto:a@example.org"),
              app_point);
    encrypt_body(TEXT);
}

static int
set_up(void **state)
{
    const char *error = NULL;

    (void) state;
    start_env();
    app_key = tls_new_ec_key(arena);
    credentials.vapid_key = app_key;
    credentials.vapid_public = tls_public_key(arena, app_key);
    credentials.browser_key = tls_new_ec_key(arena);
    crypto_random(credentials.browser_auth, sizeof(credentials.browser_auth));
    assert_true(crypto_public_point(app_key, app_point, &error));
    assert_true(crypto_public_point(credentials.browser_key, browser_point, &error));
    correct();
    return 0;
}

static void
test_success(void **state)
{
    struct double_reply reply = judge(&double_webpush);
    struct rendered seen = { 0 };
    struct double_request opened;

    (void) state;
    assert_int_equal(reply.status, 201);
    assert_int_equal(reply.decision, DECISION_ACCEPT);
    assert_string_equal(reply.address, "browser");
    assert_string_equal(reply.plaintext, TEXT);
    assert_string_equal(reply_value(&reply, "ttl"), "60");
    assert_memory_equal(reply_value(&reply, "location"), "https://localhost:8443/message/", 31);
    opened = request_opened(&request, reply.plaintext);
    double_webpush.render(&opened, arena, &seen);
    assert_string_equal(seen.to, "browser");
    assert_string_equal(seen.title, "Hi");
    assert_string_equal(seen.body, "Parcel 12");
    double_webpush.render(&request, arena, &seen);
    correct();
    set("urgency", NULL);
    set("topic", NULL);
    set("content-type", NULL);
    assert_accepted(&double_webpush, "what is optional", 201);
}

static void
test_headers(void **state)
{
    static const struct
    {
        const char *name;
        const char *value;
        const char *part;
    } rows[] = {
        { "ttl", NULL, "\"errno\":111" },
        { "ttl", "", "\"errno\":112" },
        { "ttl", "-1", "\"errno\":112" },
        { "ttl", "1m", "\"errno\":112" },
        { "ttl", "2592001", "\"errno\":112" },
        { "ttl", "99999999999999999999", "\"errno\":112" },
        { "urgency", "urgent", "Urgency" },
        { "urgency", "", "Urgency" },
        { "topic", "", "\"errno\":113" },
        { "topic", "order:12", "\"errno\":113" },
        { "topic", "123456789012345678901234567890123", "\"errno\":113" },
        { "content-encoding", NULL, "\"errno\":110" },
        { "content-encoding", "aesgcm", "\"errno\":110" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        correct();
        set(rows[i].name, rows[i].value);
        assert_refused(&double_webpush, rows[i].name, 400, rows[i].part);
    }
    correct();
    add("urgency", "low");
    assert_refused(&double_webpush, "two urgencies", 400, "twice");
    correct();
    request.method = "GET";
    assert_refused(&double_webpush, "GET", 405, "POST");
    correct();
    request.path = "/push/";
    assert_refused(&double_webpush, "no name", 404, "\"errno\":102");
    request.path = "/push/a/b";
    assert_refused(&double_webpush, "two names", 404, "\"errno\":102");
    correct();
    request.query = "a=b";
    assert_refused(&double_webpush, "query", 404, "\"errno\":102");
    correct();
    request.body_len = 4097;
    assert_refused(&double_webpush, "size", 413, "\"errno\":104");
}

static void
test_token(void **state)
{
    const char *origin = "https://localhost:8443";
    const char *contact = "mailto:a@example.org";
    char *other_key = tls_new_ec_key(arena);
    uint8_t other_point[CRYPTO_POINT_BYTES];
    const char *error = NULL;
    const char *claims[] = {
        claims_of("https://localhost", NOW_S + 60, contact),
        claims_of("https://localhost:8443/", NOW_S + 60, contact),
        claims_of("http://localhost:8443", NOW_S + 60, contact),
        claims_of(origin, NOW_S, contact),
        claims_of(origin, NOW_S + 86401, contact),
        claims_of(origin, NOW_S + 60, "a@example.org"),
        claims_of(origin, NOW_S + 60, "mailto:<a@example.org>"),
        claims_of(origin, NOW_S + 60, "mailto:a@localhost"),
        arena_printf(arena, "{\"aud\":\"%s\",\"sub\":\"%s\"}", origin, contact),
        arena_printf(arena, "{\"aud\":\"%s\",\"exp\":%lld}", origin, NOW_S + 60),
        arena_printf(arena, "{\"exp\":%lld,\"sub\":\"%s\"}", NOW_S + 60, contact),
        "{",
    };

    (void) state;
    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++)
    {
        correct();
        authorize(app_key, claims[i], app_point);
        assert_refused(&double_webpush, claims[i], 401, "\"errno\":109");
    }
    correct();
    authorize(app_key, claims_of(origin, NOW_S + 86400, "https://example.org/"), app_point);
    assert_accepted(&double_webpush, "a day, and a page", 201);
    assert_true(crypto_public_point(other_key, other_point, &error));
    correct();
    authorize(other_key, claims_of(origin, NOW_S + 60, contact), app_point);
    assert_refused(&double_webpush, "signed by another", 401, "signature");
    authorize(other_key, claims_of(origin, NOW_S + 60, contact), other_point);
    assert_refused(&double_webpush, "of another", 403, "not correspond");
    correct();
    set("authorization", replaced(request_header(&request, "authorization"), "vapid", "WebPush"));
    assert_refused(&double_webpush, "scheme", 401, "vapid");
    set("authorization", NULL);
    assert_refused(&double_webpush, "no authorization", 401, "vapid");
}

static void
test_message(void **state)
{
    size_t len;
    uint8_t *message;
    uint8_t *second;

    (void) state;
    assert_accepted(&double_webpush, "first", 201);
    assert_refused(&double_webpush, "the same again", 400, "before");
    message = encrypted(TEXT, &len);
    second = arena_alloc(arena, len);
    memcpy(second, message, len);
    request.body = (const char *) second;
    request.body_len = len;
    second[len - 1] ^= 1;
    assert_refused(&double_webpush, "tag", 400, "decrypt");
    request.body_len = 20;
    assert_refused(&double_webpush, "short", 400, "decrypt");
    set_body("");
    assert_refused(&double_webpush, "empty", 400, "decrypt");
    request.body = (const char *) message;
    request.body_len = len;
    assert_accepted(&double_webpush, "what failed before has not been used", 201);
    credentials.browser_auth[0] ^= 1;
    request.body = (const char *) encrypted(TEXT, &request.body_len);
    credentials.browser_auth[0] ^= 1;
    assert_refused(&double_webpush, "another browser", 400, "decrypt");
}

static void
test_fail(void **state)
{
    static const struct
    {
        int status;
        int answered;
        const char *part;
    } rows[] = {
        { STATUS_UNREGISTERED, 410, "\"errno\":106" },
        { 404, 404, "\"errno\":102" },
        { 403, 403, "\"errno\":109" },
        { 503, 503, "\"errno\":201" },
        { 500, 500, "\"errno\":999" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        struct double_reply reply = { 0 };

        (double_webpush.fail)(&env, rows[i].status, arena, &reply);
        assert_int_equal(reply.status, rows[i].answered);
        assert_non_null(strstr(reply.body, rows[i].part));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_success, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_headers, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_token, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_message, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_fail, set_up, finish_env),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
