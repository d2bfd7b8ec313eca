/* The S3 double: what it keeps, and every rule with a request that breaks it. */
#include "unit/sandbox_helper.h"

#include "core/sigv4.h"

#define SECRET_KEY "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

static struct sigv4_account account;

/* Sign a request, and make it the one to be judged. */
static void
start(const char *method, const char *key, const char *body, const char *hashed)
{
    struct wire_request wire = {
        .url = arena_printf(arena, "https://localhost/objects/%s", key),
        .method = method,
    };
    uint8_t digest[32];
    char *hash = arena_alloc(arena, 65);

    crypto_sha256(hashed, strlen(hashed), digest);
    for (size_t i = 0; i < 32; i++)
    {
        snprintf(hash + 2 * i, 3, "%02x", digest[i]);
    }
    assert_true(wire_add_header(&wire, "x-amz-content-sha256", hash));
    assert_null(sigv4_sign(&wire, &account, NOW_S, arena));
    start_request(arena_printf(arena, "/objects/%s", key), body);
    request.method = method;
    for (size_t i = 0; i < wire.header_count; i++)
    {
        add(wire.headers[i].name, wire.headers[i].value);
    }
}

static int
set_up(void **state)
{
    (void) state;
    start_env();
    credentials.secrets = "S3_SECRET_ACCESS_KEY=" SECRET_KEY "\n";
    account = (struct sigv4_account){ .access_key_id = SANDBOX_S3_KEY_ID,
                                      .secret_access_key = SECRET_KEY,
                                      .region = SANDBOX_S3_REGION,
                                      .service = "s3" };
    env.objects = objects_create(10);
    return 0;
}

static int
tear_down(void **state)
{
    objects_destroy(env.objects);
    return finish_env(state);
}

static void
test_kept(void **state)
{
    struct double_reply reply;

    (void) state;
    start("GET", "a/b", "", "");
    assert_accepted(&double_s3, "nothing there", 404);
    start("PUT", "a/b", "12345678", "12345678");
    assert_accepted(&double_s3, "put", 200);
    start("GET", "a/b", "", "");
    reply = judge(&double_s3);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.body_len, 8);
    assert_memory_equal(reply.body, "12345678", 8);
    assert_string_equal(reply.address, "a/b");
    start("PUT", "c", "123", "123");
    assert_refused(&double_s3, "no room", 503, "SlowDown");
    start("PUT", "a/b", "1234567890", "1234567890");
    assert_accepted(&double_s3, "replaced", 200);
    start("DELETE", "a/b", "", "");
    assert_accepted(&double_s3, "deleted", 204);
    assert_accepted(&double_s3, "deleted again", 204);
    start("GET", "a/b", "", "");
    assert_accepted(&double_s3, "gone", 404);
}

static void
test_refused(void **state)
{
    (void) state;
    start("PUT", "a", "x", "y");
    assert_refused(&double_s3, "hash", 400, "XAmzContentSHA256Mismatch");
    set("x-amz-content-sha256", NULL);
    assert_refused(&double_s3, "no hash", 400, "Missing required header");
    start("PUT", "a", "x", "x");
    request.path = "/objects/b";
    assert_refused(&double_s3, "key", 403, "SignatureDoesNotMatch");
    set("authorization", NULL);
    assert_refused(&double_s3, "unsigned", 403, "AccessDenied");
    start("GET", "", "", "");
    assert_refused(&double_s3, "bucket", 400, "only objects");
    start("GET", "a", "", "");
    request.query = "acl";
    assert_refused(&double_s3, "query", 400, "only objects");
    start("GET", "a", "x", "x");
    assert_refused(&double_s3, "body", 400, "has a body");
    start("HEAD", "a", "", "");
    assert_refused(&double_s3, "method", 405, "MethodNotAllowed");
    start("GET", "a", "", "");
    add("x-amz-date", "20260101T000000Z");
    assert_refused(&double_s3, "twice", 400, "twice");
}

static void
test_account(void **state)
{
    (void) state;
    account.region = "us-east-1";
    start("GET", "a", "", "");
    assert_refused(&double_s3, "region", 400, "expecting 'eu-west-1'");
    account.region = SANDBOX_S3_REGION;
    account.service = "ses";
    start("GET", "a", "", "");
    assert_refused(&double_s3, "service", 400, "correct service: 's3'");
    account.service = "s3";
    account.access_key_id = "AKIAOTHER";
    start("GET", "a", "", "");
    assert_refused(&double_s3, "key", 403, "InvalidAccessKeyId");
    account.access_key_id = SANDBOX_S3_KEY_ID;
    account.session_token = "token";
    start("GET", "a", "", "");
    assert_refused(&double_s3, "token", 400, "InvalidToken");
    account.session_token = NULL;
    account.secret_access_key = "other";
    start("GET", "a", "", "");
    assert_refused(&double_s3, "secret", 403, "SignatureDoesNotMatch");
    account.secret_access_key = SECRET_KEY;
    start("GET", "a", "", "");
    env.now_us += 301000000;
    assert_refused(&double_s3, "clock", 403, "RequestTimeTooSkewed");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_account, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
