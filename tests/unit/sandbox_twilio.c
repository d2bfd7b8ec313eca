/* The Twilio double: every rule has a request that breaks it. */
#include "unit/sandbox_helper.h"

#define PATH "/2010-04-01/Accounts/" SANDBOX_TWILIO_SID "/Messages.json"
#define FORM "To=%2B491511234567&From=%2B15005550006&Body=Parcel%2012+left"
#define MEDIA "&MediaUrl=https%3A%2F%2Fa"
#define SERVICE "MG00000000000000000000000000000000"

static char *
basic(const char *user, const char *password)
{
    const char *plain = arena_printf(arena, "%s:%s", user, password);

    return arena_printf(arena, "Basic %s", crypto_base64(arena, plain, strlen(plain)));
}

static void
correct(void)
{
    credentials.secrets = "TWILIO_AUTH_TOKEN=secret\n";
    start_request(PATH, FORM);
    add("authorization", basic(SANDBOX_TWILIO_SID, "secret"));
    add("content-type", "application/x-www-form-urlencoded");
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
    struct double_reply reply = judge(&double_twilio);
    struct rendered seen = { 0 };

    (void) state;
    assert_int_equal(reply.status, 201);
    assert_non_null(strstr(reply.body, "\"sid\":\"SM"));
    assert_non_null(strstr(reply.body, "\"status\":\"queued\""));
    assert_string_equal(reply.address, "+491511234567");
    double_twilio.render(&request, arena, &seen);
    assert_string_equal(seen.text, "Parcel 12 left");
    set_body("To=%2B491511234567&MessagingServiceSid=" SERVICE "&Body=x&MediaUrl=https%3A%2F%2Fa"
             "&MediaUrl=https%3A%2F%2Fb&ValidityPeriod=3600&StatusCallback=https%3A%2F%2Fhooks."
             "example.org%2Fs%3Fnid%3D8731");
    reply = judge(&double_twilio);
    assert_int_equal(reply.status, 201);
    assert_non_null(strstr(reply.body, "\"sid\":\"MM"));
    assert_string_equal(reply.id, "8731");
}

static void
test_envelope(void **state)
{
    (void) state;
    set("authorization", NULL);
    assert_refused(&double_twilio, "no credentials", 401, "20003");
    set("authorization", basic("AC1", "secret"));
    assert_refused(&double_twilio, "user", 401, "20003");
    set("authorization", basic(SANDBOX_TWILIO_SID, "wrong"));
    assert_refused(&double_twilio, "password", 401, "20003");
    correct();
    request.method = "GET";
    assert_refused(&double_twilio, "GET", 405, "20004");
    request.method = "POST";
    request.path = "/2010-04-01/Accounts/AC1/Messages.json";
    assert_refused(&double_twilio, "account", 404, "20404");
    correct();
    set("content-type", "application/json");
    set_body("{\"To\":\"+491511234567\"}");
    assert_refused(&double_twilio, "JSON", 400, "21604");
    correct();
    request.query = "To=x";
    assert_refused(&double_twilio, "query", 400, "20001");
    correct();
    add("content-type", "application/x-www-form-urlencoded");
    assert_refused(&double_twilio, "duplicate header", 400, "20001");
}

static void
test_form(void **state)
{
    static const struct
    {
        const char *body;
        const char *code;
    } rows[] = {
        { "From=%2B15005550006&Body=x", "21604" },
        { "To=+491511234567&From=%2B15005550006&Body=x", "21211" },
        { "To=0151123&From=%2B15005550006&Body=x", "21211" },
        { "To=%2B491511234567&Body=x", "21603" },
        { "To=%2B491511234567&From=%2B15005550006&MessagingServiceSid=" SERVICE "&Body=x",
          "21603" },
        { "To=%2B491511234567&MessagingServiceSid=MG1&Body=x", "21701" },
        { "To=%2B491511234567&From=x&Body=x", "21212" },
        { FORM "&MediaUrl%5B0%5D=https%3A%2F%2Fa", "20001" },
        { FORM "&Colour=red", "20001" },
        { FORM "&Body=again", "20001" },
        { "To=%2B491511234567&From=%2B15005550006&Body=%ff", "20001" },
        { "To=%2B491511234567&From=%2B15005550006&Body=%zz", "20001" },
        { "To=%2B491511234567&From=%2B15005550006", "21602" },
        { FORM "&ValidityPeriod=0", "21624" },
        { FORM "&ValidityPeriod=36001", "21624" },
        { FORM "&ValidityPeriod=1h", "21624" },
        { FORM "&StatusCallback=hooks.example.org", "21609" },
        { FORM "&StatusCallback=https%3A%2F%2Fmy_host%2F", "21609" },
        { FORM "&SmartEncoded=yes", "20001" },
        { FORM "&ScheduleType=fixed&SendAt=2026-01-01T00%3A00%3A00Z", "35118" },
        { "To=%2B491511234567&MessagingServiceSid=" SERVICE "&Body=x&SendAt=2026-01-01", "35114" },
        { FORM "&MediaUrl=cdn.example.org", "21620" },
        { FORM "&MediaUrl=https%3A%2F%2Fa%0Ahttps%3A%2F%2Fb", "21620" },
        { FORM MEDIA MEDIA MEDIA MEDIA MEDIA MEDIA MEDIA MEDIA MEDIA MEDIA MEDIA, "21623" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        set_body(rows[i].body);
        assert_refused(&double_twilio, rows[i].body, 400,
                       arena_printf(arena, "\"code\":%s", rows[i].code));
    }
}

static void
test_length(void **state)
{
    (void) state;
    set_body(
        arena_printf(arena, "To=%%2B491511234567&From=Shop&Body=%s%%C3%%A4", repeated('x', 1599)));
    assert_accepted(&double_twilio, "1600 characters", 201);
    set_body(arena_printf(arena, "To=%%2B491511234567&From=Shop&Body=%s", repeated('x', 1601)));
    assert_refused(&double_twilio, "1601 characters", 400, "21617");
}

static void
test_magic(void **state)
{
    static const struct
    {
        const char *body;
        const char *code;
    } rows[] = {
        { "From=%2B15005550001&To=%2B491511234567&Body=x", "21212" },
        { "From=%2B15005550007&To=%2B491511234567&Body=x", "21606" },
        { "From=%2B15005550008&To=%2B491511234567&Body=x", "21611" },
        { "From=%2B15005550006&To=%2B15005550001&Body=x", "21211" },
        { "From=%2B15005550006&To=%2B15005550002&Body=x", "21612" },
        { "From=%2B15005550006&To=%2B15005550003&Body=x", "21408" },
        { "From=%2B15005550006&To=%2B15005550004&Body=x", "21610" },
        { "From=%2B15005550006&To=%2B15005550009&Body=x", "21614" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        struct double_reply reply;

        set_body(rows[i].body);
        reply = judge(&double_twilio);
        assert_int_equal(reply.status, 400);
        assert_int_equal(reply.decision, DECISION_FAULT);
        assert_non_null(strstr(reply.body, rows[i].code));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_success, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_envelope, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_form, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_length, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_magic, set_up, finish_env),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
