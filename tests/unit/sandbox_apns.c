/* The APNs double: every rule has a request that breaks it. */
#include "unit/sandbox_helper.h"

#define TOKEN_PATH "/3/device/ab12cd34ab12cd34"
#define PAYLOAD                                                                                    \
    "{\"aps\":{\"alert\":{\"title\":\"Order shipped\",\"body\":\"Parcel 12\"},"                    \
    "\"sound\":\"default\"},\"nid\":\"8731\"}"

static char *
token(const char *header, const char *claims, const char *key)
{
    const char *error;
    char *jwt = crypto_jwt(arena, JWT_ES256, header, claims, key, &error);

    assert_non_null(jwt);
    return arena_printf(arena, "bearer %s", jwt);
}

static char *
token_at(int64_t iat)
{
    return token("{\"alg\":\"ES256\",\"kid\":\"SANDBOXKEY\"}",
                 arena_printf(arena, "{\"iss\":\"SANDBOXTEA\",\"iat\":%lld}", (long long) iat),
                 credentials.apns_key);
}

/* Signatures differ each time; a client makes one token and keeps it. */
static char *kept_token;

static void
correct(void)
{
    start_request(TOKEN_PATH, PAYLOAD);
    add("authorization", kept_token);
    add("apns-topic", "org.example.app");
    add("apns-push-type", "alert");
    add("apns-priority", "10");
    add("apns-expiration", "1767229200");
    add("apns-id", "4d2a6f0e-6f0b-4a0c-9a3b-0f6d1d0a9c11");
    add("content-type", "application/json");
}

static struct arena *key_arena;

static int
make_keys(void **state)
{
    (void) state;
    key_arena = arena_create();
    credentials.apns_key = tls_new_ec_key(key_arena);
    credentials.apns_public = tls_public_key(key_arena, credentials.apns_key);
    return credentials.apns_public == NULL;
}

static int
drop_keys(void **state)
{
    (void) state;
    arena_destroy(key_arena);
    return 0;
}

static int
set_up(void **state)
{
    (void) state;
    start_env();
    kept_token = token_at(NOW_S - 60);
    correct();
    return 0;
}

static void
test_success(void **state)
{
    struct double_reply reply = judge(&double_apns);
    struct rendered seen = { 0 };

    (void) state;
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.body_len, 0);
    assert_null(reply.violation);
    assert_string_equal(reply_value(&reply, "apns-id"), "4d2a6f0e-6f0b-4a0c-9a3b-0f6d1d0a9c11");
    assert_string_equal(reply.address, "ab12cd34ab12cd34");
    assert_null(reply_value(&reply, "apns-unique-id"));
    double_apns.render(&request, arena, &seen);
    assert_string_equal(seen.title, "Order shipped");
    assert_string_equal(seen.body, "Parcel 12");
    set("apns-id", NULL);
    reply = judge(&double_apns);
    assert_int_equal(strlen(reply_value(&reply, "apns-id")), 36);
}

static void
test_headers(void **state)
{
    static const struct
    {
        const char *name;
        const char *value; /* NULL: without the header */
        int status;
        const char *reason;
    } rows[] = {
        { "authorization", NULL, 403, "MissingProviderToken" },
        { "authorization", "Basic abc", 403, "InvalidProviderToken" },
        { "authorization", "bearer a.b.c", 403, "InvalidProviderToken" },
        { "apns-topic", NULL, 400, "MissingTopic" },
        { "apns-topic", "org.example.other", 400, "TopicDisallowed" },
        { "apns-topic", "org.example.app.voip", 400, "BadTopic" },
        { "apns-push-type", NULL, 400, "InvalidPushType" },
        { "apns-push-type", "Alert", 400, "InvalidPushType" },
        { "apns-push-type", "voip", 400, "BadTopic" },
        { "apns-push-type", "background", 400, "BadPriority" },
        { "apns-priority", "7", 400, "BadPriority" },
        { "apns-expiration", "1767229200000", 400, "BadExpirationDate" },
        { "apns-expiration", "soon", 400, "BadExpirationDate" },
        { "apns-id", "4D2A6F0E-6F0B-4A0C-9A3B-0F6D1D0A9C11", 400, "BadMessageId" },
        { "apns-id", "8731", 400, "BadMessageId" },
        { "content-type", "application/x-www-form-urlencoded", 400, "BadRequestPayload" },
        { "x-surprise", "1", 400, "BadRequestParams" },
        { "apns-collapse-id",
          "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg\xc3\xa4", 400,
          "BadCollapseId" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        correct();
        set(rows[i].name, rows[i].value);
        assert_refused(&double_apns, rows[i].name, rows[i].status, rows[i].reason);
    }
    correct();
    add("apns-topic", "org.example.app");
    assert_refused(&double_apns, "duplicate", 400, "DuplicateHeaders");
}

static void
test_path(void **state)
{
    (void) state;
    request.path = "/3/device/";
    assert_refused(&double_apns, "empty token", 404, "BadPath");
    request.path = "/3/device/xyz1";
    assert_refused(&double_apns, "no hex", 400, "BadDeviceToken");
    request.path = "/3/device/abc";
    assert_refused(&double_apns, "odd", 400, "BadDeviceToken");
    request.path = "/3/device/5a12";
    assert_refused(&double_apns, "development token", 400, "BadDeviceToken");
    env.apns_sandbox = true;
    assert_accepted(&double_apns, "development token in its environment", 200);
    request.path = TOKEN_PATH;
    assert_refused(&double_apns, "production token", 400, "BadDeviceToken");
    env.apns_sandbox = false;
    request.method = "GET";
    assert_refused(&double_apns, "GET", 405, "MethodNotAllowed");
    request.method = "POST";
    request.http2 = false;
    assert_refused(&double_apns, "HTTP/1.1", 505, "BadPath");
}

static void
test_provider_token(void **state)
{
    const char *header = "{\"alg\":\"ES256\",\"kid\":\"SANDBOXKEY\"}";
    const char *iat = arena_printf(arena, "\"iat\":%lld}", NOW_S - 60);

    (void) state;
    set("authorization", token_at(NOW_S + 5));
    assert_refused(&double_apns, "future iat", 403, "InvalidProviderToken");
    set("authorization", token_at(NOW_S - 3601));
    assert_refused(&double_apns, "old iat", 403, "ExpiredProviderToken");
    set("authorization", token(header, arena_printf(arena, "{\"iss\":\"OTHERTEAM1\",%s", iat),
                               credentials.apns_key));
    assert_refused(&double_apns, "team", 403, "InvalidProviderToken");
    set("authorization",
        token("{\"alg\":\"ES256\",\"kid\":\"OTHERKEY12\"}",
              arena_printf(arena, "{\"iss\":\"SANDBOXTEA\",%s", iat), credentials.apns_key));
    assert_refused(&double_apns, "key id", 403, "InvalidProviderToken");
    set("authorization", token(header, arena_printf(arena, "{\"iss\":\"SANDBOXTEA\",%s", iat),
                               tls_new_ec_key(arena)));
    assert_refused(&double_apns, "foreign key", 403, "InvalidProviderToken");
    set("authorization",
        token(header, arena_printf(arena, "{\"iss\":\"SANDBOXTEA\",\"iat\":\"%lld\"}", NOW_S - 60),
              credentials.apns_key));
    assert_refused(&double_apns, "iat as text", 403, "InvalidProviderToken");
    set("authorization",
        token(header, arena_printf(arena, "{\"iss\":\"SANDBOXTEA\",\"exp\":1,%s", iat),
              credentials.apns_key));
    assert_refused(&double_apns, "exp", 403, "InvalidProviderToken");
}

static void
test_token_updates(void **state)
{
    (void) state;
    assert_accepted(&double_apns, "first token", 200);
    set("authorization", token_at(NOW_S - 30));
    assert_refused(&double_apns, "second token at once", 429, "TooManyProviderTokenUpdates");
    env.now_us += (int64_t) 1201 * 1000000;
    assert_accepted(&double_apns, "second token after 20 minutes", 200);
    set("authorization", kept_token);
    assert_accepted(&double_apns, "the one before, still under way", 200);
    memset(&conn, 0, sizeof(conn));
    assert_accepted(&double_apns, "another connection", 200);
}

static void
test_first_stream(void **state)
{
    struct double_reply reply;

    (void) state;
    conn.streams = 2;
    reply = judge(&double_apns);
    assert_int_equal(reply.status, 200);
    assert_non_null(reply.violation);
    conn.successes = 1;
    reply = judge(&double_apns);
    assert_null(reply.violation);
}

static void
test_payload(void **state)
{
    static const struct
    {
        const char *body;
        const char *reason;
    } rows[] = {
        { "", "PayloadEmpty" },
        { "{\"aps\":", "BadRequestPayload" },
        { "[]", "BadRequestPayload" },
        { "{\"nid\":\"1\"}", "BadRequestPayload" },
        { "{\"aps\":{\"alert\":5}}", "BadRequestPayload" },
        { "{\"aps\":{\"alert\":\"x\",\"badge\":\"1\"}}", "BadRequestPayload" },
        { "{\"aps\":{\"alert\":\"x\",\"badge\":-1}}", "BadRequestPayload" },
        { "{\"aps\":{\"alert\":\"x\",\"colour\":\"red\"}}", "BadRequestPayload" },
        { "{\"aps\":{\"alert\":{\"titel\":\"x\"}}}", "BadRequestPayload" },
        { "{\"aps\":{\"alert\":{\"title\":7}}}", "BadRequestPayload" },
        { "{\"aps\":{\"content-available\":1}}", "BadRequestPayload" },
        { "{\"aps\":{\"alert\":\"x\",\"interruption-level\":\"loud\"}}", "BadRequestPayload" },
        { "{\"aps\":{\"alert\":\"x\",\"relevance-score\":1.5}}", "BadRequestPayload" },
        { "{\"aps\":{\"alert\":\"x\",\"relevance-score\":-0.5}}", "BadRequestPayload" },
        { "{\"aps\":{\"alert\":\"x\",\"mutable-content\":2}}", "BadRequestPayload" },
        { "{\"aps\":{\"alert\":\"x\",\"content-available\":0}}", "BadRequestPayload" },
        { "{\"aps\":{\"alert\":\"x\",\"event\":\"update\"}}", "BadRequestPayload" },
        { "{\"aps\":{\"alert\":\"x\",\"content-state\":{}}}", "BadRequestPayload" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        set_body(rows[i].body);
        assert_refused(&double_apns, rows[i].body, 400, rows[i].reason);
    }
    set_body("{\"aps\":{\"content-available\":1}}");
    set("apns-push-type", "background");
    set("apns-priority", "5");
    assert_accepted(&double_apns, "background", 200);
    set_body("{\"aps\":{\"content-available\":1,\"sound\":\"x\"}}");
    assert_refused(&double_apns, "loud background", 400, "BadRequestPayload");
}

static void
test_live_activity(void **state)
{
    static const char *const good[] = {
        "{\"aps\":{\"timestamp\":1,\"event\":\"update\",\"content-state\":{},\"relevance-score\":"
        "75}}",
        "{\"aps\":{\"timestamp\":1,\"event\":\"end\",\"dismissal-date\":0}}",
        "{\"aps\":{\"timestamp\":1,\"event\":\"start\",\"content-state\":{},\"attributes-type\":"
        "\"A\",\"attributes\":{},\"alert\":{\"title\":\"x\"}}}",
    };
    static const char *const bad[] = {
        "{\"aps\":{\"event\":\"update\",\"content-state\":{}}}",
        "{\"aps\":{\"timestamp\":1767225600000,\"event\":\"update\",\"content-state\":{}}}",
        "{\"aps\":{\"timestamp\":1,\"content-state\":{}}}",
        "{\"aps\":{\"timestamp\":1,\"event\":\"stop\",\"content-state\":{}}}",
        "{\"aps\":{\"timestamp\":1,\"event\":\"update\"}}",
        "{\"aps\":{\"timestamp\":1,\"event\":\"update\",\"content-state\":[]}}",
        "{\"aps\":{\"timestamp\":1,\"event\":\"update\",\"content-state\":{},\"attributes\":{}}}",
        "{\"aps\":{\"timestamp\":1,\"event\":\"start\",\"content-state\":{},\"attributes\":{}}}",
        "{\"aps\":{\"timestamp\":1,\"event\":\"update\",\"content-state\":{},\"stale-date\":-1}}",
    };

    (void) state;
    set("apns-push-type", "liveactivity");
    set_body(good[0]);
    assert_refused(&double_apns, "topic of an alert", 400, "BadTopic");
    set("apns-topic", "org.example.app.push-type.liveactivity");
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
    {
        set_body(good[i]);
        assert_accepted(&double_apns, good[i], 200);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
    {
        set_body(bad[i]);
        assert_refused(&double_apns, bad[i], 400, "BadRequestPayload");
    }
}

static void
test_priority(void **state)
{
    (void) state;
    set("apns-priority", "5");
    assert_accepted(&double_apns, "alert of priority 5", 200);
    set("apns-priority", "1");
    assert_refused(&double_apns, "alert of priority 1", 400, "BadPriority");
    set_body("{\"aps\":{}}");
    set("apns-push-type", "location");
    set("apns-topic", "org.example.app.location-query");
    assert_accepted(&double_apns, "location of priority 1", 200);
}

static void
test_size(void **state)
{
    const char *body = "{\"aps\":{\"alert\":\"%s\"}}";
    size_t frame = strlen(body) - 2;

    (void) state;
    set_body(arena_printf(arena, "{\"aps\":{\"alert\":\"%s\"}}", repeated('x', 4096 - frame)));
    assert_int_equal(request.body_len, 4096);
    assert_accepted(&double_apns, "4096 bytes", 200);
    set_body(arena_printf(arena, "{\"aps\":{\"alert\":\"%s\"}}", repeated('x', 4097 - frame)));
    assert_refused(&double_apns, "4097 bytes", 413, "PayloadTooLarge");
    set("apns-push-type", "voip");
    set("apns-topic", "org.example.app.voip");
    assert_accepted(&double_apns, "4097 bytes of voip", 200);
    set_body(arena_printf(arena, "{\"aps\":{\"alert\":\"%s\"}}", repeated('x', 5121 - frame)));
    assert_refused(&double_apns, "5121 bytes of voip", 413, "PayloadTooLarge");
}

static void
test_magic(void **state)
{
    static const struct
    {
        const char *path;
        int status;
        const char *part;
    } rows[] = {
        { "/3/device/dead12", 410, "\"Unregistered\",\"timestamp\":1767225600000" },
        { "/3/device/de1d12", 410, "\"timestamp\":1767139200000" },
        { "/3/device/bad012", 400, "BadDeviceToken" },
        { "/3/device/0ff012", 400, "DeviceTokenNotForTopic" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        struct double_reply reply;

        request.path = rows[i].path;
        reply = judge(&double_apns);
        assert_int_equal(reply.status, rows[i].status);
        assert_int_equal(reply.decision, DECISION_FAULT);
        assert_non_null(strstr(reply.body, rows[i].part));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_success, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_headers, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_path, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_provider_token, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_token_updates, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_first_stream, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_payload, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_live_activity, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_priority, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_size, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_magic, set_up, finish_env),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
