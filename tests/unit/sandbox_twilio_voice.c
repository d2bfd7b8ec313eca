/* The double of Twilio's calls: every rule has a request that breaks it. */
#include "unit/sandbox_helper.h"

#define PATH "/2010-04-01/Accounts/" SANDBOX_TWILIO_SID "/Calls.json"
#define NUMBERS "To=%2B491511234567&From=%2B15005550006"
#define TWIML "&Twiml=%3CResponse%3E%3CSay%20language%3D%22de-DE%22%3Ea%20%26lt%3B%20b%3C%2FSay%3E"
#define END "%3C%2FResponse%3E"
#define FORM NUMBERS TWIML END

static int
set_up(void **state)
{
    const char *plain = SANDBOX_TWILIO_SID ":secret";

    (void) state;
    start_env();
    credentials.secrets = "TWILIO_AUTH_TOKEN=secret\n";
    start_request(PATH, FORM);
    add("authorization",
        arena_printf(arena, "Basic %s", crypto_base64(arena, plain, strlen(plain))));
    add("content-type", "application/x-www-form-urlencoded");
    return 0;
}

static void
test_success(void **state)
{
    struct double_reply reply = judge(&double_twilio_voice);
    struct rendered seen = { 0 };

    (void) state;
    assert_int_equal(reply.status, 201);
    assert_non_null(strstr(reply.body, "\"sid\":\"CA"));
    assert_string_equal(reply.address, "+491511234567");
    double_twilio_voice.render(&request, arena, &seen);
    assert_string_equal(seen.text, "a < b");
    set_body(FORM "&StatusCallback=https%3A%2F%2Fhooks.example.org%2Fs%3Fnid%3D8731"
                  "&StatusCallbackEvent=ringing&StatusCallbackEvent=completed&Timeout=20"
                  "&MachineDetection=Enable");
    reply = judge(&double_twilio_voice);
    assert_int_equal(reply.status, 201);
    assert_string_equal(reply.id, "8731");
    set_body(NUMBERS "&Url=https%3A%2F%2Fa");
    assert_accepted(&double_twilio_voice, "Url", 201);
    assert_ptr_equal(double_find_path(PATH), &double_twilio_voice);
    assert_ptr_equal(double_find_path("/2010-04-01/Accounts/AC1/Calls.json"), &double_twilio);
}

static void
test_form(void **state)
{
    static const struct
    {
        const char *body;
        const char *code;
    } rows[] = {
        { "From=%2B15005550006" TWIML END, "21201" },
        { "To=+491511234567&From=%2B15005550006" TWIML END, "21217" },
        { "To=%2B491511234567" TWIML END, "21213" },
        { "To=%2B491511234567&From=Herald" TWIML END, "21210" },
        { NUMBERS, "21205" },
        { FORM "&Url=https%3A%2F%2Fa", "21205" },
        { FORM "&Body=x", "20001" },
        { FORM "&To=again", "20001" },
        { FORM "&StatusCallback=hooks", "21609" },
        { FORM "&StatusCallbackEvent=ringing%20completed", "21626" },
        { FORM "&Timeout=601", "20001" },
        { FORM "&MachineDetection=yes", "20001" },
        /* Documents that are none. */
        { NUMBERS "&Twiml=Hello", "21205" },
        { NUMBERS "&Twiml=", "21205" },
        { NUMBERS TWIML, "21205" },
        { NUMBERS TWIML END END, "21205" },
        { NUMBERS TWIML END "x", "21205" },
        { NUMBERS TWIML "%26" END, "21205" },
        { NUMBERS TWIML "%3CHangup%3E" END, "21205" },
        { NUMBERS TWIML "%3CDial%2F%3E" END, "21205" },
        { NUMBERS TWIML "%3CPause%20length%3D1%2F%3E" END, "21205" },
        { NUMBERS TWIML "%3CPause%20loop%3D%221%22%2F%3E" END, "21205" },
        { NUMBERS "&Twiml=%3CResponse%3E%3CSay%3Ea%20%26%20b%3C%2FSay%3E" END, "21205" },
        { NUMBERS "&Twiml=%3CSay%3Ex%3C%2FSay%3E", "21205" },
        { NUMBERS "&Twiml=%3CResponse%3E%3CSay%3E%01%3C%2FSay%3E" END, "21205" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        set_body(rows[i].body);
        assert_refused(&double_twilio_voice, rows[i].body, 400, rows[i].code);
    }
    set_body(arena_printf(arena, "%s%s%s", NUMBERS "&Twiml=%3CResponse%3E%3CSay%3E",
                          repeated('a', 4000), "%3C%2FSay%3E" END));
    assert_refused(&double_twilio_voice, "too long", 400, "21205");
    set("authorization", "Basic eDp5");
    assert_refused(&double_twilio_voice, "password", 401, "20003");
}

static void
test_magic_numbers(void **state)
{
    static const char *const numbers[][2] = {
        { "0001", "21217" }, { "0002", "13224" }, { "0003", "21215" }, { "0004", "21216" }
    };

    (void) state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
    {
        struct double_reply reply;

        set_body(arena_printf(arena, "To=%%2B1500555%s%s", numbers[i][0],
                              "&From=%2B15005550006" TWIML END));
        reply = judge(&double_twilio_voice);
        assert_int_equal(reply.status, 400);
        assert_int_equal(reply.decision, DECISION_FAULT);
        assert_non_null(strstr(reply.body, numbers[i][1]));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_success, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_form, set_up, finish_env),
        cmocka_unit_test_setup_teardown(test_magic_numbers, set_up, finish_env),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
