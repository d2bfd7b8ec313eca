/* The FCM double and its token endpoint: every rule has a request that breaks it. */
#include "unit/sandbox_helper.h"

#define SEND "/v1/projects/sandbox/messages:send"
#define GRANT "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="
#define MESSAGE                                                                                    \
    "{\"message\":{\"token\":\"dX3:APA91b\",\"notification\":{\"title\":\"Order shipped\","        \
    "\"body\":\"Parcel 12\"},\"data\":{\"nid\":\"8731\"},\"android\":{\"priority\":\"HIGH\","      \
    "\"ttl\":\"3600s\",\"collapse_key\":\"order-12\",\"notification\":{\"tag\":\"order-12\"}},"    \
    "\"apns\":{\"headers\":{\"apns-priority\":\"10\"},\"payload\":{\"aps\":{}}}}}"

static struct arena *key_arena;

static int
make_keys(void **state)
{
    (void) state;
    key_arena = arena_create();
    credentials.fcm_key = tls_new_rsa_key(key_arena);
    credentials.fcm_public = tls_public_key(key_arena, credentials.fcm_key);
    credentials.token_url = "https://localhost:1/token";
    return credentials.fcm_public == NULL;
}

static int
drop_keys(void **state)
{
    (void) state;
    arena_destroy(key_arena);
    return 0;
}

static char *
claims(const char *iss, const char *scope, const char *aud, int64_t iat, int64_t exp)
{
    return arena_printf(arena,
                        "{\"iss\":\"%s\",\"scope\":\"%s\",\"aud\":\"%s\",\"iat\":%lld,"
                        "\"exp\":%lld}",
                        iss, scope, aud, (long long) iat, (long long) exp);
}

#define SCOPE "https://www.googleapis.com/auth/firebase.messaging"
#define EMAIL SANDBOX_FCM_EMAIL
#define URL credentials.token_url

static void
grant_request(const char *claims_json, const char *key)
{
    const char *error;
    char *jwt = crypto_jwt(arena, JWT_RS256, "{\"alg\":\"RS256\"}", claims_json, key, &error);

    assert_non_null(jwt);
    start_request("/token", arena_printf(arena, "%s%s", GRANT, jwt));
    add("content-type", "application/x-www-form-urlencoded");
}

/* A bearer token, fetched as a client does. */
static char *
fetch_token(void)
{
    struct double_reply reply;
    const char *start;

    grant_request(claims(EMAIL, SCOPE, URL, NOW_S, NOW_S + 3600), credentials.fcm_key);
    reply = judge(&double_fcm_token);
    assert_int_equal(reply.status, 200);
    start = strstr(reply.body, "ya29");
    assert_non_null(start);
    return arena_printf(arena, "Bearer %.*s", (int) strcspn(start, "\""), start);
}

static void
correct(const char *body)
{
    char *token = fetch_token();

    start_request(SEND, body);
    add("authorization", token);
    add("content-type", "application/json");
}

static int
set_up(void **state)
{
    (void) state;
    start_env();
    correct(MESSAGE);
    return 0;
}

static void
test_success(void **state)
{
    struct double_reply reply = judge(&double_fcm);
    struct rendered seen = { 0 };

    (void) state;
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.body, "{\"name\":\"projects/sandbox/messages/"));
    assert_string_equal(reply.address, "dX3:APA91b");
    assert_string_equal(reply.id, "8731");
    double_fcm.render(&request, arena, &seen);
    assert_string_equal(seen.title, "Order shipped");
    set_body(replaced(MESSAGE, "collapse_key", "collapseKey"));
    assert_accepted(&double_fcm, "camelCase", 200);
}

static void
test_grant(void **state)
{
    (void) state;
    env.token_requests = 0;
    grant_request(claims("x@y", SCOPE, URL, NOW_S, NOW_S + 3600), credentials.fcm_key);
    assert_refused(&double_fcm_token, "iss", 400, "invalid_grant");
    grant_request(claims(EMAIL, "other", URL, NOW_S, NOW_S + 3600), credentials.fcm_key);
    assert_refused(&double_fcm_token, "scope", 400, "invalid_grant");
    grant_request(claims(EMAIL, SCOPE, "https://a/b", NOW_S, NOW_S + 3600), credentials.fcm_key);
    assert_refused(&double_fcm_token, "aud", 400, "invalid_grant");
    grant_request(claims(EMAIL, SCOPE, URL, NOW_S, NOW_S + 3601), credentials.fcm_key);
    assert_refused(&double_fcm_token, "exp", 400, "invalid_grant");
    grant_request(claims(EMAIL, SCOPE, URL, NOW_S + 60, NOW_S + 3600), credentials.fcm_key);
    assert_refused(&double_fcm_token, "future", 400, "invalid_grant");
    grant_request(claims(EMAIL, SCOPE, URL, NOW_S - 3700, NOW_S - 100), credentials.fcm_key);
    assert_refused(&double_fcm_token, "expired", 400, "invalid_grant");
    grant_request(claims(EMAIL, SCOPE, URL, NOW_S, NOW_S + 3600), tls_new_rsa_key(arena));
    assert_refused(&double_fcm_token, "foreign key", 400, "invalid_grant");
    set_body("grant_type=password&assertion=x");
    assert_refused(&double_fcm_token, "grant type", 400, "unsupported_grant_type");
    set_body("grant_type=a");
    assert_refused(&double_fcm_token, "missing field", 400, "invalid_request");
    set("content-type", "application/json");
    assert_refused(&double_fcm_token, "JSON", 400, "invalid_request");
    assert_int_equal(env.token_requests, 10);
}

static void
test_bearer(void **state)
{
    struct double_reply reply;

    (void) state;
    set("authorization", NULL);
    assert_refused(&double_fcm, "no bearer", 401, "UNAUTHENTICATED");
    reply = judge(&double_fcm);
    assert_null(strstr(reply.body, "FcmError"));
    set("authorization", "Bearer ya29.sandbox-9999999999-AAAA");
    assert_refused(&double_fcm, "forged bearer", 401, "UNAUTHENTICATED");
    correct(MESSAGE);
    env.now_us += (int64_t) 3600 * 1000000;
    assert_refused(&double_fcm, "expired bearer", 401, "UNAUTHENTICATED");
}

static void
test_envelope(void **state)
{
    (void) state;
    request.path = "/v1/projects/other/messages:send";
    assert_refused(&double_fcm, "project", 403, "PERMISSION_DENIED");
    request.path = "/v1/projects/sandbox/messages";
    assert_refused(&double_fcm, "path", 404, "<html>");
    request.path = SEND;
    request.method = "PUT";
    assert_refused(&double_fcm, "method", 404, "<html>");
    request.method = "POST";
    set("content-type", "text/plain");
    assert_refused(&double_fcm, "content type", 400, "INVALID_ARGUMENT");
    set("content-type", "application/json");
    add("content-type", "application/json");
    assert_refused(&double_fcm, "duplicate header", 400, "INVALID_ARGUMENT");
}

static void
test_message(void **state)
{
    static const struct
    {
        const char *from;
        const char *to;
        const char *field; /* in the field violation */
    } rows[] = {
        { "\"token\":\"dX3:APA91b\",", "\"token\":\"a\",\"topic\":\"b\",", "\"message\"" },
        { "\"token\":\"dX3:APA91b\",", "", "\"message\"" },
        { "\"token\":\"dX3:APA91b\",", "\"token\":\"a b\",", "message.token" },
        { "\"token\":\"dX3:APA91b\",", "\"token\":5,", "message.token" },
        { "\"token\":\"dX3:APA91b\",", "\"topic\":\"/topics/news\",", "message.topic" },
        { "\"token\":\"dX3:APA91b\",",
          "\"condition\":\"'a' in topics && 'b' in topics && 'c' in topics && 'd' in topics && "
          "'e' in topics && 'f' in topics\",",
          "message.condition" },
        { "\"nid\":\"8731\"", "\"nid\":8731", "message.data.nid" },
        { "\"nid\":\"8731\"", "\"nid\":true", "message.data.nid" },
        { "\"nid\"", "\"from\"", "message.data" },
        { "\"nid\"", "\"message_type\"", "message.data" },
        { "\"nid\"", "\"google.x\"", "message.data" },
        { "\"nid\"", "\"gcm_x\"", "message.data" },
        { "\"3600s\"", "\"3600\"", "message.android.ttl" },
        { "\"3600s\"", "3600", "message.android.ttl" },
        { "\"3600s\"", "\"2419201s\"", "message.android.ttl" },
        { "\"3600s\"", "\"-1s\"", "message.android.ttl" },
        { "\"HIGH\"", "\"URGENT\"", "message.android.priority" },
        { "\"tag\"", "\"tagg\"", "message.android.notification.tagg" },
        { "\"title\"", "\"titel\"", "message.notification.titel" },
        { "{\"message\"", "{\"extra\":1,\"message\"", "extra" },
        { "\"10\"", "10", "message.apns.headers.apns-priority" },
        { "\"token\":\"dX3:APA91b\",", "\"condition\":\"x\",", "message.condition" },
        { "\"token\":\"dX3:APA91b\",", "\"condition\":\"'a' in topics &&\",", "message.condition" },
        { "\"token\":\"dX3:APA91b\",", "\"condition\":\"('a' in topics\",", "message.condition" },
        { "\"token\":\"dX3:APA91b\",", "\"condition\":\"'a' in topics 'b' in topics\",",
          "message.condition" },
        { "\"token\":\"dX3:APA91b\",", "\"condition\":\"'a b' in topics\",", "message.condition" },
        { "\"token\":\"dX3:APA91b\",", "\"condition\":\"'' in topics\",", "message.condition" },
        { "\"token\":\"dX3:APA91b\",", "\"condition\":\"'a' in tokens\",", "message.condition" },
        { "\"token\":\"dX3:APA91b\",", "\"condition\":\"!\",", "message.condition" },
        { "\"token\":\"dX3:APA91b\",", "\"condition\":\"'a' in topics)\",", "message.condition" },
        { "\"token\":\"dX3:APA91b\",", "\"condition\":\"((((((('a' in topics)))))))\",",
          "message.condition" },
        { "\"token\":\"dX3:APA91b\",", "\"topic\":\"a b\",", "message.topic" },
        { "\"apns-priority\":\"10\"", "\"apns-priority\":\"7\"", "message.apns.headers" },
        { "\"apns-priority\":\"10\"", "\"apns-priority\":\"5\",\"apns-push-type\":\"background\"",
          "message.apns.headers" },
        { "\"apns\":{\"headers\"", "\"apns\":{\"live_activity_token\":\"x\",\"headers\"",
          "message.apns.payload" },
        { "\"apns\":{\"headers\"", "\"apns\":{\"fcm_options\":{\"link\":\"x\"},\"headers\"",
          "message.apns.fcm_options.link" },
        { "\"data\":{", "\"fcm_options\":{\"analytics_label\":\"a b\"},\"data\":{",
          "fcm_options.analytics_label" },
        { "\"android\":{", "\"android\":{\"fcm_options\":{\"analytics_label\":\"\"},",
          "fcm_options.analytics_label" },
        { "\"data\":{", "\"webpush\":{\"title\":\"x\"},\"data\":{", "message.webpush.title" },
        { "{\"message\":{", "{\"message\":[{", "" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        set_body(replaced(MESSAGE, rows[i].from, rows[i].to));
        assert_refused(&double_fcm, rows[i].to, 400, "INVALID_ARGUMENT");
        assert_refused(&double_fcm, rows[i].to, 400, rows[i].field);
    }
}

static void
test_variants(void **state)
{
    static const struct
    {
        const char *from;
        const char *to;
    } rows[] = {
        { "\"token\":\"dX3:APA91b\",", "\"topic\":\"news-1_.~%\"," },
        { "\"token\":\"dX3:APA91b\",", "\"condition\":\"'a' in topics\"," },
        { "\"token\":\"dX3:APA91b\",",
          "\"condition\":\"!('a' in topics) && ('b' in topics || !'c' in topics)\"," },
        { "\"token\":\"dX3:APA91b\",", "\"condition\":\"('a' in topics&&'b' in topics)||'c' in "
                                       "topics && 'd' in topics && 'e' in topics\"," },
        { "\"notification\":{\"title\":\"Order shipped\",\"body\":\"Parcel 12\"},", "" },
        { "\"apns\":{\"headers\":{\"apns-priority\":\"10\"},\"payload\":{\"aps\":{}}}",
          "\"apns\":{\"live_activity_token\":\"x\",\"payload\":{\"aps\":{\"event\":\"end\","
          "\"timestamp\":1}}}" },
        { "\"data\":{", "\"fcm_options\":{\"analytics_label\":\"a-_.~%1\"},\"data\":{" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        set_body(replaced(MESSAGE, rows[i].from, rows[i].to));
        assert_accepted(&double_fcm, rows[i].to, 200);
    }
}

static void
test_size(void **state)
{
    (void) state;
    set_body(replaced(MESSAGE, "Parcel 12", repeated('x', 3700)));
    assert_accepted(&double_fcm, "below 4096", 200);
    set_body(replaced(MESSAGE, "Parcel 12", repeated('x', 4000)));
    assert_refused(&double_fcm, "above 4096", 400, "too big");
}

static void
test_magic(void **state)
{
    struct double_reply reply;

    (void) state;
    set_body(replaced(MESSAGE, "dX3:APA91b", "bad-token-1"));
    reply = judge(&double_fcm);
    assert_int_equal(reply.status, 400);
    assert_non_null(strstr(reply.body, "not a valid FCM registration token"));
    set_body(replaced(MESSAGE, "dX3:APA91b", "other-sender-1"));
    reply = judge(&double_fcm);
    assert_int_equal(reply.status, 403);
    assert_non_null(strstr(reply.body, "SENDER_ID_MISMATCH"));
    memset(&reply, 0, sizeof(reply));
    (double_fcm.fail)(&env, STATUS_UNREGISTERED, arena, &reply);
    assert_int_equal(reply.status, 404);
    assert_non_null(strstr(reply.body, "\"errorCode\":\"UNREGISTERED\""));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_success, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_grant, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_bearer, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_envelope, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_message, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_variants, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_size, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_magic, set_up, finish_env),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
