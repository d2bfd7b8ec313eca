/* providers/provider.c, scrub.c, signature.c: what holds for all providers, and known vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/arena.h"
#include "core/crypto.h"
#include "core/utf8.h"
#include "providers/provider.h"
#include "providers/scrub.h"
#include "providers/signature.h"

static int
setup(void **state)
{
    *state = arena_create();
    return *state == NULL;
}

static int
teardown(void **state)
{
    arena_destroy(*state);
    return 0;
}

static const struct message message = {
    .delivery_id = "id",
    .address = "https://hooks.example.net/secret-path",
    .credential = "credential-0001",
    .now_s = 1767225600,
};

static const struct
{
    enum wire_result result;
    int status;
    enum outcome_class class;
} transport_rows[] = {
    { WIRE_NOT_SENT, 0, OUTCOME_RETRY },       { WIRE_AMBIGUOUS, 0, OUTCOME_UNKNOWN },
    { WIRE_AMBIGUOUS, 354, OUTCOME_UNKNOWN },  { WIRE_FORBIDDEN, 0, OUTCOME_CONTENT },
    { WIRE_NOT_HTTP2, 200, OUTCOME_CONFIG },   { WIRE_AUTH_FAILED, 0, OUTCOME_CONFIG },
    { WIRE_AUTH_FAILED, 535, OUTCOME_CONFIG }, { WIRE_AUTH_FAILED, 454, OUTCOME_RETRY },
};

static void
test_transport(void **state)
{
    struct settings *settings = settings_create(*state);

    for (size_t p = 0; provider_registry[p] != NULL; p++)
    {
        for (size_t i = 0; i < sizeof(transport_rows) / sizeof(transport_rows[0]); i++)
        {
            const struct wire_answer answer = { .result = transport_rows[i].result,
                                                .status = transport_rows[i].status,
                                                .error = "the reason\n",
                                                .body = "",
                                                .retry_after_s = 9 };
            struct outcome outcome;

            memset(&outcome, 0xff, sizeof(outcome));
            provider_classify(provider_registry[p], settings, &message, &answer, *state, &outcome);
            assert_int_equal(outcome.class, transport_rows[i].class);
            assert_string_equal(outcome.reason, "the reason");
            assert_null(outcome.code);
            assert_null(outcome.provider_id);
            assert_int_equal(outcome.retry_after_ms, -1);
            assert_int_equal(outcome.invalid_since_ms, 0);
            assert_false(outcome.suspect || outcome.new_connection || outcome.refresh_credential);
            assert_int_equal(outcome.address_only, provider_registry[p]->address_hosts &&
                                                       outcome.class != OUTCOME_CONTENT);
        }
    }
}

static void
test_status(void **state)
{
    static const struct
    {
        int first;
        int last;
        enum outcome_class class;
    } rows[] = {
        { 100, 199, OUTCOME_UNKNOWN }, { 200, 299, OUTCOME_ACCEPTED },
        { 300, 399, OUTCOME_CONFIG },  { 400, 400, OUTCOME_CONTENT },
        { 401, 403, OUTCOME_CONFIG },  { 404, 406, OUTCOME_CONTENT },
        { 407, 407, OUTCOME_CONFIG },  { 408, 408, OUTCOME_RETRY },
        { 409, 424, OUTCOME_CONTENT }, { 425, 425, OUTCOME_RETRY },
        { 426, 428, OUTCOME_CONTENT }, { 429, 429, OUTCOME_THROTTLE },
        { 430, 499, OUTCOME_CONTENT }, { 500, 599, OUTCOME_UNKNOWN },
        { 0, 0, OUTCOME_UNKNOWN },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        for (int status = rows[i].first; status <= rows[i].last; status++)
        {
            assert_int_equal(provider_class_of_status(status), rows[i].class);
        }
    }
}

/* Retry-After becomes a bounded hint, and only where waiting helps. */
static void
test_hints(void **state)
{
    static const struct
    {
        int status;
        int64_t seconds;
        int64_t hint_ms;
    } rows[] = {
        { 503, 0, 0 },    { 503, 5, 5000 }, { 503, 2592001, 2592000000 },
        { 429, 5, 5000 }, { 503, -1, -1 },  { 503, INT64_MAX, 2592000000 },
        { 200, 5, -1 },   { 410, 5, -1 },
    };
    struct settings *settings = settings_create(*state);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        const struct wire_answer answer = { .status = rows[i].status,
                                            .body = "",
                                            .retry_after_s = rows[i].seconds };
        struct outcome outcome;

        provider_classify(provider_find("webhook"), settings, &message, &answer, *state, &outcome);
        assert_int_equal(outcome.retry_after_ms, rows[i].hint_ms);
    }
}

static void
test_names(void **state)
{
    static const char *const classes[] = { "accepted",   "retry",   "throttle", "token_invalid",
                                           "suppressed", "content", "config",   "unknown" };
    enum channel channel;

    (void) state;
    for (int i = 0; i < OUTCOME_CLASS_COUNT; i++)
    {
        assert_string_equal(outcome_class_name((enum outcome_class) i), classes[i]);
    }
    for (int i = 0; i < CHANNEL_COUNT; i++)
    {
        assert_true(channel_from_name(channel_name((enum channel) i), &channel));
        assert_int_equal(channel, i);
    }
    assert_false(channel_from_name("pigeon", &channel));
}

static void
test_parts(void **state)
{
    const struct message two = { .part_count = 2,
                                 .parts = { { "title", "t", 1 }, { "body", "", 0 } } };

    (void) state;
    assert_string_equal(message_part(&two, "title"), "t");
    assert_null(message_part(&two, "body"));
    assert_null(message_part(&two, "tit"));
}

static void
assert_scrubbed(struct arena *arena, const char *text, const char *expected)
{
    struct settings *settings = settings_create(arena);
    const char *got;

    settings_set_secret(settings, "api_key", "SG.key one-more short");
    settings_set(settings, "from", "n@example.org");
    got = scrub_reason(arena, provider_find("sendgrid"), settings, &message, text);
    if (expected == NULL)
    {
        assert_null(got);
        return;
    }
    assert_string_equal(got, expected);
    assert_true(strlen(got) <= SCRUB_REASON_MAX && utf8_valid(got, strlen(got)));
}

static void
test_scrub(void **state)
{
    static const char *const rows[][2] = {
        { "plain words, 4.7.0 and 123456", "plain words, 4.7.0 and 123456" },
        { "", NULL },
        { " \r\n\t", NULL },
        { " a\r\n\tb\x7f"
          "c ",
          "a b c" },
        { "bad \xff\xc3 bytes", "bad ?? bytes" },
        { "cut \xf0\x9f\x98", "cut ???" },
        { "a\xe2\x80\xae"
          "b",
          "ab" },
        { "key SG.KEY and ONE-MORE, short stays", "key [hidden] and [hidden], short stays" },
        { "to HTTPS://hooks.example.net/secret-path!", "to [hidden]!" },
        { "with credential-0001.", "with [hidden]." },
        { "<a@b.example> a@b.example: no", "<[address]> [address] no" },
        { "see http://x.example/y?z=1 (http://q)", "see [url] ([url])" },
        { "+15005550006 +1 500 555 0006x 15005550006 to:+15005550006",
          "[number] [number]x [number] to:[number]" },
        { "id 0123456789abcdef0123456789abcdefABCDEF-_",
          "id [number]abcdef[number]abcdefABCDEF-_" },
        { "id abcdefghijabcdefghijabcdefghijabcdefghij", "id [hidden]" },
        { "id abcdefghijabcdefghijabcdefghijabcdefghi",
          "id abcdefghijabcdefghijabcdefghijabcdefghi" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        assert_scrubbed(*state, rows[i][0], rows[i][1]);
    }
}

static void
test_scrub_long(void **state)
{
    char text[9000];
    char expected[501];

    memset(text, 'a', sizeof(text));
    for (size_t i = 9; i < sizeof(text); i += 10)
    {
        text[i] = ' ';
    }
    text[sizeof(text) - 1] = '\0';
    memcpy(expected, text, 499);
    expected[499] = '\0';
    assert_scrubbed(*state, text, expected);
}

static void
test_scrub_word(void **state)
{
    assert_null(scrub_word(*state, NULL, 10));
    assert_null(scrub_word(*state, "\n", 10));
    assert_string_equal(scrub_word(*state, "Un\nregistered", 64), "Un registered");
    assert_string_equal(scrub_word(*state, "ööö", 5), "öö");
    assert_string_equal(scrub_word(*state, "+15005550006", 64), "+15005550006");
}

/* The vector of the Standard Webhooks specification's libraries. */
static void
test_webhook_vector(void **state)
{
    static const char body[] = "{\"test\": 2432232314}";
    const char *error = NULL;

    assert_string_equal(signature_make(*state, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                                       "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body,
                                       strlen(body), &error),
                        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

/* What the apns provider has signed is what a known token was made of. */
static void
test_apns_vector(void **state)
{
    static const char token[] =
        "eyJhbGciOiJFUzI1NiIsImtpZCI6IkFCQzEyM0RFRkcifQ."
        "eyJpc3MiOiJERUYxMjNHSElKIiwiaWF0IjoxNzAwMDAwMDAwfQ."
        "uZhu5hGYV9OElIWy0DdoR7ruCGGc6tBbAEfYoWDCDBQcs0JxYzl8CnYgcYakowHNt4cVh7qJx2i6RKiwOyGqQA";
    /* The curve's algorithm identifier and the uncompressed point. */
    static const char public_pem[] =
        "-----BEGIN PUBLIC KEY-----\n"
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEXn9FYCa5fjd5swa1KR02CsCz9iix\n"
        "neNjLDp3XCf2phJxaE+cZ0KS+bf+0ukA8/Z6HltOySrNEetwGOy/Swks1w==\n"
        "-----END PUBLIC KEY-----\n";
    struct settings *settings = settings_create(*state);
    struct credential_plan plan;
    struct provider_error error;
    char *header = NULL;
    char *claims = NULL;

    settings_set(settings, "key_id", "ABC123DEFG");
    settings_set(settings, "team_id", "DEF123GHIJ");
    assert_true(
        provider_find("apns")->credential(settings, NULL, 1700000000, *state, &plan, &error));
    assert_true(crypto_jwt_verify(*state, JWT_ES256, token, public_pem, &header, &claims));
    assert_string_equal(plan.header_json, header);
    assert_string_equal(plan.claims_json, claims);
    assert_memory_equal(crypto_base64url(*state, plan.header_json, strlen(plan.header_json)), token,
                        46);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_transport, setup, teardown),
        cmocka_unit_test(test_status),
        cmocka_unit_test_setup_teardown(test_hints, setup, teardown),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_parts),
        cmocka_unit_test_setup_teardown(test_scrub, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scrub_long, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scrub_word, setup, teardown),
        cmocka_unit_test_setup_teardown(test_webhook_vector, setup, teardown),
        cmocka_unit_test_setup_teardown(test_apns_vector, setup, teardown),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
