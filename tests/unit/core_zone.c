/* core/zone.c: offsets and abbreviations of zones, and names that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/zone.h"

static void
expect(const char *name, int64_t second, int32_t utc_offset_s, const char *abbreviation)
{
    struct lq_zone zone;

    assert_true(zone_find(NULL, name, second, &zone));
    assert_int_equal(zone.utc_offset_s, utc_offset_s);
    assert_string_equal(zone.abbreviation, abbreviation);
}

static void
test_fixed(void **state)
{
    (void) state;
    expect("Asia/Seoul", 0, 32400, "KST");
    expect("Asia/Kolkata", 1700000000, 19800, "IST");
    expect("Asia/Kathmandu", 1700000000, 20700, "+0545");
    expect("Etc/GMT+3", 1700000000, -10800, "-03");
    expect("UTC", -1, 0, "UTC");
}

/* The seconds around both changes of a year, north and south of the equator. */
static void
test_daylight_saving(void **state)
{
    (void) state;
    expect("Europe/Berlin", 1774745999, 3600, "CET"); /* 2026-03-29 01:00 UTC */
    expect("Europe/Berlin", 1774746000, 7200, "CEST");
    expect("Europe/Berlin", 1792889999, 7200, "CEST"); /* 2026-10-25 01:00 UTC */
    expect("Europe/Berlin", 1792890000, 3600, "CET");
    expect("Australia/Sydney", 1775318399, 39600, "AEDT"); /* 2026-04-04 16:00 UTC */
    expect("Australia/Sydney", 1775318400, 36000, "AEST");
    expect("America/New_York", 1793512799, -14400, "EDT"); /* 2026-11-01 06:00 UTC */
    expect("America/New_York", 1793512800, -18000, "EST");
}

/* Before the first and behind the last entry of a file. */
static void
test_far(void **state)
{
    (void) state;
    expect("Europe/Berlin", INT64_C(-5000000000), 3208, "LMT");
    expect("Europe/Berlin", INT64_C(5000000000), 7200, "CEST"); /* June 2128 */
    expect("Europe/Berlin", INT64_C(5014000000), 3600, "CET");
}

static void
test_unknown(void **state)
{
    static const char *const names[] = {
        "",
        "Europe",
        "Europe/",
        "Europe/Atlantis",
        "europe/berlin",
        "../zoneinfo/UTC",
        "Europe/../UTC",
        "zone.tab",
        "X+3",
        "Europe/A_name_that_is_longer_than_sixty_three_bytes_of_letters_in_it",
    };
    struct lq_zone zone;

    (void) state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    {
        assert_false(zone_find(NULL, names[i], 0, &zone));
    }
    expect("Asia/Seoul", 0, 32400, "KST");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixed),
        cmocka_unit_test(test_daylight_saving),
        cmocka_unit_test(test_far),
        cmocka_unit_test(test_unknown),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("core_zone", tests, NULL, NULL);
}
