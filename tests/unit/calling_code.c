/* core/calling_code.c: countries of phone numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/calling_code.h"

static void
test_countries(void **state)
{
    static const char *const numbers[][2] = {
        { "+12125550100", "US" },  { "+14165550100", "CA" },   { "+18765550100", "JM" },
        { "+18095550100", "DO" },  { "+17875550100", "PR" },   { "+79161234567", "RU" },
        { "+77011234567", "KZ" },  { "+447700900123", "GB" },  { "+441481250000", "GG" },
        { "+491511234567", "DE" }, { "+41791234567", "CH" },   { "+423661234567", "LI" },
        { "+390612345678", "IT" }, { "+390669812345", "VA" },  { "+821012345678", "KR" },
        { "+852512345678", "HK" }, { "+8613800000000", "CN" }, { "+262692123456", "RE" },
        { "+262639123456", "YT" }, { "+59991234567", "CW" },   { "+59971234567", "BQ" },
        { "+972501234567", "IL" }, { "+358401234567", "FI" },  { "+358181234567", "AX" },
        { "+81", "JP" },
    };
    static const char *const none[] = { "+", "", "491511234567", "+80012345678", "+999", "+0" };

    (void) state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
    {
        const char *country = calling_code_country(numbers[i][0]);

        if (country == NULL || strcmp(country, numbers[i][1]) != 0)
        {
            fail_msg("%s: %s", numbers[i][0], country == NULL ? "none" : country);
        }
    }
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
    {
        assert_null(calling_code_country(none[i]));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_countries) };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
