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
    for (int i = 0; i < 1000; i++)
    {
        assert_false(report(i % 5 < 3 ? OUTCOME_ACCEPTED : OUTCOME_RETRY, -1, i));
    }
    assert_int_equal(breaker.reason, BREAKER_NONE);
}

/* More failures than successes, but never many in a row. */
static void
test_failure_rate(void **state)
{
    int count = 0;

    (void) state;
    while (!report(count % 10 < 6 ? OUTCOME_RETRY : OUTCOME_ACCEPTED, -1, count))
    {
        count++;
        assert_in_range(count, 0, 110);
    }
    assert_in_range(count, 99, 110);
    assert_int_equal(breaker.reason, BREAKER_OUTAGE);
    /* The shares begin anew after the pause. */
    assert_true(report(OUTCOME_ACCEPTED, -1, count + 2000));
    for (int i = 0; i < 99; i++)
    {
        assert_false(report(i % 10 < 6 ? OUTCOME_RETRY : OUTCOME_ACCEPTED, -1, count + 2000));
    }
}

/* Dead tokens are usual; when most are dead, something else is wrong. */
static void
test_invalid_rate(void **state)
{
    (void) state;
    for (int i = 0; i < 1000; i++)
    {
        assert_false(report(i % 5 < 2 ? OUTCOME_TOKEN_INVALID : OUTCOME_ACCEPTED, -1, i));
        assert_false(breaker_doubts_tokens(&breaker));
    }
    breaker_init(&breaker, 100);
    for (int i = 0; i < 99; i++)
    {
        assert_false(report(OUTCOME_TOKEN_INVALID, -1, i));
        assert_false(breaker_doubts_tokens(&breaker));
    }
    assert_true(report(OUTCOME_TOKEN_INVALID, -1, 99));
    assert_true(breaker_doubts_tokens(&breaker));
    assert_int_equal(breaker.reason, BREAKER_CONFIG);
    assert_int_equal(breaker_pause_ms(&breaker, 99), 30000);
}

/* What concerns one address is nothing to the account. */
static void
test_address_only(void **state)
{
    (void) state;
    for (int class = 0; class < OUTCOME_CLASS_COUNT; class ++)
    {
        for (int i = 0; i < 1000; i++)
        {
            struct breaker_event event = { .class = (enum outcome_class) class,
                                           .hint_ms = -1,
                                           .address_only = true,
                                           .now_ms = i };

            assert_false(breaker_report(&breaker, &event));
        }
    }
    assert_int_equal(breaker_slots(&breaker, 0, 1000), 100);
}

static bool
answer(enum outcome_class class, int64_t latency_us, int64_t now_ms)
{
    struct breaker_event event = { .class = class,
                                   .hint_ms = -1,
                                   .now_ms = now_ms,
                                   .latency_us = latency_us,
                                   .silent = class == OUTCOME_UNKNOWN };

    return breaker_report(&breaker, &event);
}

/* Answers that stay away shrink the window, once for those at the same time. */
static void
test_window_shrinks(void **state)
{
    (void) state;
    answer(OUTCOME_UNKNOWN, 20000000, 4000);
    assert_int_equal(breaker_slots(&breaker, 0, 4000), 100);
    answer(OUTCOME_UNKNOWN, 20000000, 5000);
    answer(OUTCOME_UNKNOWN, 20000000, 5001);
    assert_in_range(breaker_slots(&breaker, 0, 5001), 90, 95);
    for (int i = 0; i < 15; i++)
    {
        answer(OUTCOME_UNKNOWN, 20000000, 6000 + 1000 * i);
    }
    assert_in_range(breaker_slots(&breaker, 0, 20000), 1, 10);
}

/* A few among many don't, and an error is an answer. */
static void
test_window_holds(void **state)
{
    (void) state;
    for (int i = 0; i < 2000; i++)
    {
        answer(i % 50 == 0 ? OUTCOME_UNKNOWN : OUTCOME_ACCEPTED, 20000, i * 100);
        report(i % 5 == 0 ? OUTCOME_UNKNOWN : OUTCOME_ACCEPTED, -1, i * 100);
    }
    assert_int_equal(breaker_slots(&breaker, 0, 200000), 100);
}

/* It grows while answers take no longer than usual, and again when longer has become usual. */
static void
test_window_grows(void **state)
{
    int slots;

    (void) state;
    for (int i = 0; i < 1000; i++)
    {
        answer(OUTCOME_ACCEPTED, 20000, i);
    }
    for (int i = 0; i < 5; i++)
    {
        answer(OUTCOME_UNKNOWN, 0, 2000 + i);
    }
    assert_in_range(breaker_slots(&breaker, 0, 2005), 90, 95);
    breaker.window = breaker.threshold = 70;
    for (int i = 0; i < 500; i++)
    {
        answer(OUTCOME_ACCEPTED, 22000, 2000);
    }
    slots = breaker_slots(&breaker, 0, 2000);
    assert_in_range(slots, 75, 80);
    for (int i = 0; i < 50; i++)
    {
        answer(OUTCOME_ACCEPTED, 60000, 3000);
    }
    assert_in_range(breaker_slots(&breaker, 0, 3000), slots, slots + 1);
    for (int i = 0; i < 4000; i++)
    {
        answer(OUTCOME_ACCEPTED, 60000, 4000);
    }
    assert_int_equal(breaker_slots(&breaker, 0, 4000), 100);
}

static void
test_limit_and_quota(void **state)
{
    (void) state;
    breaker_set_limit(&breaker, 50);
    assert_int_equal(breaker_slots(&breaker, 0, 0), 50);
    breaker_set_limit(&breaker, 100);
    assert_int_equal(breaker_slots(&breaker, 0, 0), 100);
    report(OUTCOME_THROTTLE, 1000, 0);
    breaker_set_limit(&breaker, 80);
    assert_int_equal(breaker_slots(&breaker, 0, 1000), 50);
    breaker_set_limit(&breaker, 0);
    assert_int_equal(breaker_slots(&breaker, 0, 1000), 0);
    breaker_init(&breaker, 100);
    assert_true(breaker_exhaust(&breaker, 5000));
    assert_false(breaker_exhaust(&breaker, 6000));
    assert_false(report(OUTCOME_THROTTLE, 100, 1000)); /* was in flight */
    assert_int_equal(breaker_pause_ms(&breaker, 1000), 5000);
    assert_int_equal(breaker_slots(&breaker, 0, 6000), 100);
    assert_true(report(OUTCOME_ACCEPTED, -1, 6000));
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
        cmocka_unit_test_setup(test_failure_rate, set_up),
        cmocka_unit_test_setup(test_invalid_rate, set_up),
        cmocka_unit_test_setup(test_address_only, set_up),
        cmocka_unit_test_setup(test_window_shrinks, set_up),
        cmocka_unit_test_setup(test_window_holds, set_up),
        cmocka_unit_test_setup(test_window_grows, set_up),
        cmocka_unit_test_setup(test_limit_and_quota, set_up),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
