/* providers/vonage_signature.c: the signature of a delivery receipt, which is made the same way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "providers/vonage_signature.h"

static void
test_methods(void **state)
{
    static const char *const signatures[][2] = {
        { "md5hash", "59bf92a824b75a7e519f62576cb319a2" },
        { "md5", "56508eb462a9633179a03bdd6eee1221" },
        { "sha1", "01bd97537d80008476b32ce4b29927b2466142f0" },
        { "sha256", "6de8c6494896d99880c692bea075151cd4f8040d300c57e89f187b9e388a11ff" },
    };
    struct vonage_parameter parameters[] = {
        { "to", "AcmeInc & Co=1" },
        { "timestamp", "1582650446" },
        { "status", "delivered" },
        { "scts", "2001011400" },
        { "price", "0.03330000" },
        { "nonce", "ec11dd3e-1e7f-4db5-9467-82b02cd223b9" },
        { "network-code", "12345" },
        { "msisdn", "447700900000" },
        { "messageId", "0A0000001234567B" },
        { "message-timestamp", "2020-01-01 12:00:00" },
        { "err-code", "0" },
        { "api-key", "abcd1234" },
    };
    struct arena *arena = arena_create();

    (void) state;
    for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++)
    {
        assert_true(vonage_is_method(signatures[i][0]));
        assert_string_equal(vonage_sign(arena, signatures[i][0], "my_secret_key_for_testing",
                                        parameters, sizeof(parameters) / sizeof(parameters[0])),
                            signatures[i][1]);
    }
    assert_true(vonage_is_method("sha512"));
    assert_false(vonage_is_method("sha384"));
    assert_false(vonage_is_method(""));
    arena_destroy(arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_methods) };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
