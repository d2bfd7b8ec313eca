/* delivery/breaker.c: pauses, probes and the window of an account. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "delivery/breaker.h"

static struct breaker breaker;

static int
set_up(void **state)
{
    (void) state;
    breaker_init(&breaker, 100);
    return 0;
}

static bool
report(enum outcome_class class, int64_t hint_ms, int64_t now_ms)
{
    struct breaker_event event = {
        .class = class, .hint_ms = hint_ms, .now_ms = now_ms, .random = 0
    };

    return breaker_report(&breaker, &event);
}

static void
test_open(void **state)
{
    (void) state;
    assert_int_equal(breaker_slots(&breaker, 0, 0), 100);
    assert_int_equal(breaker_slots(&breaker, 60, 0), 40);
    assert_int_equal(breaker_slots(&breaker, 120, 0), 0);
    assert_int_equal(breaker_pause_ms(&breaker, 0), 0);
    assert_false(report(OUTCOME_ACCEPTED, -1, 0));
    assert_false(report(OUTCOME_CONTENT, -1, 0));
    assert_false(report(OUTCOME_TOKEN_INVALID, -1, 0));
    assert_int_equal(breaker_slots(&breaker, 0, 0), 100);
}

static void
test_config(void **state)
{
    (void) state;
    assert_true(report(OUTCOME_CONFIG, -1, 1000));
    assert_int_equal(breaker.reason, BREAKER_CONFIG);
    assert_int_equal(breaker_slots(&breaker, 0, 1000), 0);
    assert_int_equal(breaker_pause_ms(&breaker, 11000), 20000);
    /* What was in flight before says nothing new. */
    assert_false(report(OUTCOME_CONFIG, -1, 5000));
    assert_false(report(OUTCOME_ACCEPTED, -1, 5000));
    assert_int_equal(breaker_pause_ms(&breaker, 11000), 20000);
    /* One probe. */
    assert_int_equal(breaker_slots(&breaker, 0, 31000), 1);
    assert_int_equal(breaker_slots(&breaker, 1, 31000), 0);
    assert_false(report(OUTCOME_CONFIG, -1, 31500));
    assert_int_equal(breaker_slots(&breaker, 0, 31500), 0);
    assert_int_equal(breaker_pause_ms(&breaker, 31500), 30000);
    assert_true(report(OUTCOME_ACCEPTED, -1, 62000));
    assert_int_equal(breaker.reason, BREAKER_NONE);
    assert_true(breaker_slots(&breaker, 0, 62000) >= 1);
}

static void
test_throttle_hint(void **state)
{
    (void) state;
    assert_true(report(OUTCOME_THROTTLE, 5000, 0));
    assert_int_equal(breaker_pause_ms(&breaker, 0), 5000);
    /* A longer hint counts, a shorter one does not. */
    report(OUTCOME_THROTTLE, 2000, 1000);
    assert_int_equal(breaker_pause_ms(&breaker, 1000), 4000);
    report(OUTCOME_THROTTLE, 9000, 1000);
    assert_int_equal(breaker_pause_ms(&breaker, 1000), 9000);
    /* Half the window afterwards, halved once for all that was in flight. */
    assert_int_equal(breaker_slots(&breaker, 0, 10000), 50);
    report(OUTCOME_THROTTLE, INT64_MAX, 10000);
    assert_int_equal(breaker_pause_ms(&breaker, 10000), 3600000);
}

static void
test_throttle_grows(void **state)
{
    int64_t now = 0;

    (void) state;
    for (int i = 0; i < 10; i++)
    {
        report(OUTCOME_THROTTLE, -1, now);
        assert_true(breaker_pause_ms(&breaker, now) >= 1000);
        assert_true(breaker_pause_ms(&breaker, now) <= 60000);
        now += breaker_pause_ms(&breaker, now);
    }
    assert_int_equal(breaker_slots(&breaker, 0, now), 1);
    assert_true(report(OUTCOME_ACCEPTED, -1, now));
    for (int i = 0; i < 20000; i++)
    {
        report(OUTCOME_ACCEPTED, -1, now);
    }
    assert_int_equal(breaker_slots(&breaker, 0, now), 100);
}

static void
test_address_throttle(void **state)
{
    struct breaker_event event = { .class = OUTCOME_THROTTLE,
                                   .hint_ms = 9000,
                                   .address_only = true };

    (void) state;
    assert_false(breaker_report(&breaker, &event));
    assert_int_equal(breaker_slots(&breaker, 0, 0), 100);
}

static void
test_outage(void **state)
{
    int64_t now = 1000;

    (void) state;
    for (int i = 0; i < 19; i++)
    {
        assert_false(report(OUTCOME_RETRY, -1, now));
    }
    assert_int_equal(breaker_slots(&breaker, 0, now), 100);
    assert_true(report(OUTCOME_UNKNOWN, -1, now));
    assert_int_equal(breaker.reason, BREAKER_OUTAGE);
    for (int i = 0; i < 10; i++)
    {
        assert_false(report(OUTCOME_RETRY, -1, now)); /* was in flight */
        assert_int_equal(breaker_slots(&breaker, 0, now), 0);
        assert_in_range(breaker_pause_ms(&breaker, now), 750, 30000);
        assert_false(breaker_is_probing(&breaker, now));
        now += breaker_pause_ms(&breaker, now);
        assert_true(breaker_is_probing(&breaker, now));
        assert_int_equal(breaker_slots(&breaker, 0, now), 1);
        assert_false(report(OUTCOME_RETRY, -1, now)); /* the probe */
    }
    now += breaker_pause_ms(&breaker, now);
    assert_true(report(OUTCOME_ACCEPTED, -1, now));
    assert_false(breaker_is_probing(&breaker, now));
    /* No thundering herd: it starts small. */
    assert_true(breaker_slots(&breaker, 0, now) <= 3);
}

static void
test_success_between(void **state)
{
    (void) state;
    for (int i = 0; i < 100; i++)
    {
        assert_false(report(OUTCOME_RETRY, -1, i));
        assert_false(report(i % 10 == 0 ? OUTCOME_ACCEPTED : OUTCOME_RETRY, -1, i));
    }
    assert_int_equal(breaker.reason, BREAKER_NONE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_open, set_up),
        cmocka_unit_test_setup(test_config, set_up),
        cmocka_unit_test_setup(test_throttle_hint, set_up),
        cmocka_unit_test_setup(test_throttle_grows, set_up),
        cmocka_unit_test_setup(test_address_throttle, set_up),
        cmocka_unit_test_setup(test_outage, set_up),
        cmocka_unit_test_setup(test_success_between, set_up),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
