/* core/sigv4.c against the vectors of AWS's test suite for Signature Version 4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"
#include "core/sigv4.h"

#define SUITE_NOW_S 1440938160 /* 20150830T123600Z */
#define SUITE_SCOPE                                                                                \
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "

static const struct sigv4_account suite = {
    .access_key_id = "AKIDEXAMPLE",
    .secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    .region = "us-east-1",
    .service = "service",
};

static struct arena *arena;

static int
set_up(void **state)
{
    (void) state;
    arena = arena_create();
    return 0;
}

static int
tear_down(void **state)
{
    (void) state;
    arena_destroy(arena);
    return 0;
}

static const char *
find(const struct wire_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++)
    {
        if (strcmp(request->headers[i].name, name) == 0)
        {
            return request->headers[i].value;
        }
    }
    return NULL;
}

static void
assert_signed(const struct sigv4_account *account, struct wire_request request,
              const char *authorization)
{
    assert_null(sigv4_sign(&request, account, SUITE_NOW_S, arena));
    assert_string_equal(find(&request, "x-amz-date"), "20150830T123600Z");
    assert_string_equal(find(&request, "authorization"), authorization);
}

static void
test_suite(void **state)
{
    struct wire_request request = { .url = "https://example.amazonaws.com/", .body = "" };
    struct sigv4_account temporary = suite;

    (void) state;
    request.method = "GET";
    assert_signed(&suite, request,
                  SUITE_SCOPE "SignedHeaders=host;x-amz-date, Signature="
                              "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    request.method = "POST";
    assert_signed(&suite, request,
                  SUITE_SCOPE "SignedHeaders=host;x-amz-date, Signature="
                              "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
    temporary.session_token =
        "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxf"
        "pSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPk"
        "yQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBA"
        "z+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
    assert_signed(&temporary, request,
                  SUITE_SCOPE "SignedHeaders=host;x-amz-date;x-amz-security-token, Signature="
                              "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead");
    request.headers[request.header_count++] = (struct wire_header){ "my-header1", "value1" };
    assert_signed(&suite, request,
                  SUITE_SCOPE "SignedHeaders=host;my-header1;x-amz-date, Signature="
                              "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c");
    request.headers[0] =
        (struct wire_header){ "content-type", "application/x-www-form-urlencoded" };
    request.body = "Param1=value1";
    request.body_len = strlen(request.body);
    assert_signed(&suite, request,
                  SUITE_SCOPE "SignedHeaders=content-type;host;x-amz-date, Signature="
                              "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
}

/* As the official SDK signs it. */
static void
test_ses(void **state)
{
    static const char body[] =
        "{\"FromEmailAddress\":\"f@example.org\",\"Destination\":{\"ToAddresses\":"
        "[\"a@example.org\"]},\"Content\":{\"Simple\":{\"Subject\":{\"Data\":\"s\",\"Charset\":"
        "\"UTF-8\"},\"Body\":{\"Text\":{\"Data\":\"t\",\"Charset\":\"UTF-8\"}}}}}";
    struct wire_request request = {
        .url = "https://email.eu-west-1.amazonaws.com/v2/email/outbound-emails",
        .method = "POST",
        .headers = { { "content-type", "application/json" } },
        .header_count = 1,
        .body = body,
        .body_len = sizeof(body) - 1,
    };
    struct sigv4_account account = suite;

    (void) state;
    account.region = "eu-west-1";
    account.service = "ses";
    assert_null(sigv4_sign(&request, &account, 1767225600, arena));
    assert_string_equal(
        find(&request, "authorization"),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/eu-west-1/ses/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, Signature="
        "ded8bbbfc9245783122b3e9fde5ebea3204f3445e99d53fe562dc7df0448fb43");
}

/* AWS's example for S3: a part of an object. */
static void
test_s3(void **state)
{
    struct sigv4_account account = {
        .access_key_id = "AKIAIOSFODNN7EXAMPLE",
        .secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        .region = "us-east-1",
        .service = "s3",
    };
    struct wire_request request = {
        .url = "https://examplebucket.s3.amazonaws.com/test.txt",
        .method = "GET",
        .headers = { { "range", "bytes=0-9" },
                     { "x-amz-content-sha256",
                       "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" } },
        .header_count = 2,
        .body = "this is not what is hashed",
        .body_len = 26,
    };

    (void) state;
    assert_null(sigv4_sign(&request, &account, 1369353600, arena));
    assert_string_equal(
        find(&request, "authorization"),
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, Signature="
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

static void
test_refused(void **state)
{
    struct wire_request request = { .url = "https://example.amazonaws.com", .method = "POST" };
    struct sigv4_account account = suite;
    char *token = arena_alloc(arena, 131073);

    (void) state;
    account.session_token = "a\r\nx-evil: 1";
    assert_string_equal(sigv4_sign(&request, &account, SUITE_NOW_S, arena),
                        "a header to sign holds a control character");
    memset(token, 't', 131072);
    account.session_token = token;
    request.header_count = 0;
    request.body = "";
    assert_string_equal(sigv4_sign(&request, &account, SUITE_NOW_S, arena),
                        "the headers to sign are larger than 128 KB");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_suite, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_s3, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
