/* The doubles of Vonage: every rule has a request that breaks it. */
#include "unit/sandbox_helper.h"

#define TO "{\"to\":\"447700900000\""
#define FROM ",\"from\":\"Acme\""
#define TEXT ",\"text\":\"Parcel 12\"}"
#define FORM "api_key=abcd1234&to=447700900000&from=Acme&text=Parcel"
#define SIGNED FORM "&timestamp=1767225600"
#define MESSAGE "{\"channel\":\"sms\",\"message_type\":\"text\",\"to\":\"447700900000\"" FROM
#define PICTURE "{\"channel\":\"mms\",\"message_type\":\"image\",\"to\":\"447700900000\"" FROM

static char *private_key;

static void
start_sms(void)
{
    start_request("/sms/json", TO FROM TEXT);
    add("authorization", "Basic YWJjZDEyMzQ6c2VjcmV0");
    add("content-type", "application/json");
}

static void
start_message(const char *claims)
{
    const char *error;
    const char *token =
        crypto_jwt(arena, JWT_RS256, "{\"alg\":\"RS256\"}", claims, private_key, &error);

    start_request("/v1/messages", MESSAGE TEXT);
    add("authorization", arena_printf(arena, "Bearer %s", token));
    add("content-type", "application/json");
}

static const char *
claims_of(const char *application, long long iat, long long exp)
{
    return arena_printf(arena,
                        "{\"application_id\":\"%s\",\"iat\":%lld,\"exp\":%lld,\"jti\":\"x\"}",
                        application, iat, exp);
}

static int
set_up(void **state)
{
    (void) state;
    start_env();
    credentials.secrets = "VONAGE_API_KEY=abcd1234\nVONAGE_API_SECRET=secret\n"
                          "VONAGE_SIGNATURE_SECRET=my_secret_key_for_testing\n";
    private_key = tls_new_rsa_key(arena);
    credentials.vonage_public = tls_public_key(arena, private_key);
    return 0;
}

static void
test_sms(void **state)
{
    static const char *const rows[][2] = {
        { "{\"from\":\"Acme\",\"text\":\"x\"}", "\"status\":\"2\"" },
        { "{\"to\":\"+447700900000\"" FROM TEXT, "\"status\":\"3\"" },
        { "{\"to\":\"44 7700\"" FROM TEXT, "\"status\":\"3\"" },
        { TO TEXT, "\"status\":\"2\"" },
        { TO ",\"from\":\"+447700900001\"" TEXT, "\"status\":\"15\"" },
        { TO ",\"from\":\"AcmeAcmeAcme\"" TEXT, "\"status\":\"15\"" },
        { TO FROM "}", "\"status\":\"2\"" },
        { TO FROM ",\"text\":\"안녕\"}", "\"status\":\"3\"" },
        { TO FROM ",\"ttl\":900" TEXT, "\"status\":\"3\"" },
        { TO FROM ",\"ttl\":\"900000\"" TEXT, "\"status\":\"3\"" },
        { TO FROM ",\"client_ref\":\"x\"" TEXT, "\"status\":\"3\"" },
        { TO FROM ",\"callback\":\"hooks\"" TEXT, "\"status\":\"23\"" },
        { "[]", "\"status\":\"3\"" },
        { "{", "\"status\":\"3\"" },
    };

    (void) state;
    start_sms();
    assert_accepted(&double_vonage, "correct", 200);
    set_body(TO FROM ",\"type\":\"unicode\",\"ttl\":20000,\"text\":\"안녕\"}");
    assert_accepted(&double_vonage, "unicode", 200);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        set_body(rows[i][0]);
        assert_refused(&double_vonage, rows[i][0], 200, rows[i][1]);
    }
    set_body(TO FROM TEXT);
    set("authorization", "Basic eDp5");
    assert_refused(&double_vonage, "password", 200, "\"status\":\"4\"");
    set("content-type", "text/plain");
    assert_refused(&double_vonage, "type", 415, "JSON");
    request.path = "/sms/xml";
    assert_refused(&double_vonage, "path", 404, "Not Found");
}

static void
test_form(void **state)
{
    /* HMAC-SHA256 over "&api_key=abcd1234&from=Acme&text=Parcel&timestamp=1767225600&to=4477…". */
    static const char signature[] =
        "9c32cc199607056c2b35ced5390712f469299d37fbdf72f91ffd9052af8c7118";

    (void) state;
    start_request("/sms/json", FORM "&api_secret=secret");
    add("content-type", "application/x-www-form-urlencoded");
    assert_accepted(&double_vonage, "form with the secret", 200);
    set_body(FORM "&api_secret=wrong");
    assert_refused(&double_vonage, "secret", 200, "\"status\":\"4\"");
    set_body(arena_printf(arena, SIGNED "&sig=%s", signature));
    assert_accepted(&double_vonage, "signed form", 200);
    set_body(arena_printf(arena, SIGNED "&sig=%s&api_secret=secret", signature));
    assert_refused(&double_vonage, "both", 200, "\"status\":\"32\"");
    set_body(arena_printf(arena, SIGNED "&client-ref=1&sig=%s", signature));
    assert_refused(&double_vonage, "changed", 200, "\"status\":\"14\"");
    set_body(arena_printf(arena, SIGNED "&to=1&sig=%s", signature));
    assert_refused(&double_vonage, "twice", 200, "\"status\":\"3\"");
    set_body(arena_printf(arena, SIGNED "&sig=%s", signature));
    env.now_us += 301 * 1000000LL;
    assert_refused(&double_vonage, "old", 200, "\"status\":\"14\"");
}

static void
test_message(void **state)
{
    static const char *const rows[][2] = {
        { "{\"channel\":\"sms\"}", "#1020" },
        { MESSAGE ",\"ttl\":900000" TEXT, "#1020" },
        { MESSAGE ",\"client-ref\":\"x\"" TEXT, "#1020" },
        { MESSAGE ",\"webhook_url\":\"hooks\"" TEXT, "#1020" },
        { MESSAGE ",\"sms\":{\"encoding_type\":\"utf8\"}" TEXT, "#1020" },
        { MESSAGE "}", "#1020" },
        { PICTURE ",\"image\":{\"url\":\"http://a/b\"}}", "#1020" },
        { PICTURE ",\"image\":{\"url\":\"https://a/b\"}" TEXT, "#1020" },
        { PICTURE "}", "#1020" },
    };

    (void) state;
    start_message(claims_of(SANDBOX_VONAGE_APPLICATION, NOW_S, NOW_S + 900));
    assert_accepted(&double_vonage_messages, "text", 202);
    set_body(PICTURE ",\"image\":{\"url\":\"https://a/b\",\"caption\":\"x\"}}");
    assert_accepted(&double_vonage_messages, "picture", 202);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        set_body(rows[i][0]);
        assert_refused(&double_vonage_messages, rows[i][0], 422, rows[i][1]);
    }
    set_body("[]");
    assert_refused(&double_vonage_messages, "array", 400, "no JSON object");
    start_message(claims_of("aaaaaaaa-bbbb-cccc-dddd-000000000000", NOW_S, NOW_S + 900));
    assert_refused(&double_vonage_messages, "application", 401, "unauthorized");
    start_message(claims_of(SANDBOX_VONAGE_APPLICATION, NOW_S - 1000, NOW_S - 100));
    assert_refused(&double_vonage_messages, "expired", 401, "unauthorized");
    start_message(claims_of(SANDBOX_VONAGE_APPLICATION, NOW_S + 120, NOW_S + 900));
    assert_refused(&double_vonage_messages, "of the future", 401, "unauthorized");
    set("authorization", "Bearer a.b.c");
    assert_refused(&double_vonage_messages, "unsigned", 401, "unauthorized");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sms, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_form, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_message, set_up, finish_env),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
