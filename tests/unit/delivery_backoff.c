/* delivery/backoff.c: class × policy × budget -> state, failures, wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "delivery/backoff.h"

#define DAY_MS (INT64_C(86400) * 1000)

static struct backoff_case first_attempt(enum outcome_class class)
{
    return (struct backoff_case){ .class = class,
                                  .attempt = 1,
                                  .max_attempts = 12,
                                  .max_age_ms = DAY_MS,
                                  .hint_ms = -1,
                                  .random = UINT32_MAX };
}

/* One row a class: where a first attempt with it leads. */
static void
test_classes(void **state)
{
    static const struct
    {
        enum outcome_class class;
        enum delivery_state to;
        int failures;
    } rows[] = {
        { OUTCOME_ACCEPTED, DELIVERY_SENT, 0 },
        { OUTCOME_RETRY, DELIVERY_RETRY, 1 },
        { OUTCOME_THROTTLE, DELIVERY_RETRY, 0 },
        { OUTCOME_TOKEN_INVALID, DELIVERY_FAILED, 0 },
        { OUTCOME_SUPPRESSED, DELIVERY_SUPPRESSED, 0 },
        { OUTCOME_CONTENT, DELIVERY_FAILED, 0 },
        { OUTCOME_CONFIG, DELIVERY_RETRY, 0 },
        { OUTCOME_UNKNOWN, DELIVERY_RETRY, 1 },
    };

    (void) state;
    assert_int_equal(sizeof(rows) / sizeof(rows[0]), OUTCOME_CLASS_COUNT);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    {
        struct backoff_case given = first_attempt(rows[i].class);
        struct backoff_next next = backoff_decide(&given);

        assert_int_equal(next.state, rows[i].to);
        assert_int_equal(next.failures, rows[i].failures);
        assert_true(state_edge_is_legal(DELIVERY_CLAIMED, next.state));
        assert_true(next.state == DELIVERY_RETRY || next.delay_ms == 0);
    }
}

static void
test_at_most_once(void **state)
{
    struct backoff_case given = first_attempt(OUTCOME_UNKNOWN);

    (void) state;
    given.at_most_once = true;
    assert_int_equal(backoff_decide(&given).state, DELIVERY_UNKNOWN);
    given.class = OUTCOME_RETRY; /* nothing was sent: repeating is no second time */
    assert_int_equal(backoff_decide(&given).state, DELIVERY_RETRY);
}

static void
test_other_address(void **state)
{
    struct backoff_case given = first_attempt(OUTCOME_TOKEN_INVALID);
    struct backoff_next next;

    (void) state;
    given.other_address = true;
    next = backoff_decide(&given);
    assert_int_equal(next.state, DELIVERY_RETRY);
    assert_int_equal(next.delay_ms, 0);
    assert_int_equal(next.failures, 0);
}

static void
test_attempts(void **state)
{
    struct backoff_case given = first_attempt(OUTCOME_RETRY);

    (void) state;
    given.failures = 10;
    assert_int_equal(backoff_decide(&given).state, DELIVERY_RETRY);
    given.failures = 11;
    assert_int_equal(backoff_decide(&given).state, DELIVERY_DEAD);
    assert_int_equal(backoff_decide(&given).failures, 12);
    given.class = OUTCOME_UNKNOWN;
    assert_int_equal(backoff_decide(&given).state, DELIVERY_DEAD);
    given.class = OUTCOME_THROTTLE; /* does not count */
    assert_int_equal(backoff_decide(&given).state, DELIVERY_RETRY);
    given.class = OUTCOME_CONFIG;
    assert_int_equal(backoff_decide(&given).state, DELIVERY_RETRY);
    given.class = OUTCOME_ACCEPTED;
    assert_int_equal(backoff_decide(&given).state, DELIVERY_SENT);
}

static void
test_age(void **state)
{
    struct backoff_case given = first_attempt(OUTCOME_CONFIG);

    (void) state;
    given.age_ms = DAY_MS - 1;
    assert_int_equal(backoff_decide(&given).state, DELIVERY_RETRY);
    given.age_ms = DAY_MS;
    assert_int_equal(backoff_decide(&given).state, DELIVERY_DEAD);
    given.class = OUTCOME_CONTENT;
    assert_int_equal(backoff_decide(&given).state, DELIVERY_FAILED);
}

static void
test_exponential(void **state)
{
    struct backoff_case given = first_attempt(OUTCOME_RETRY);

    (void) state;
    given.max_attempts = 100;
    for (int failures = 0; failures < 40; failures++)
    {
        int64_t ceiling = failures < 12 ? INT64_C(1000) << failures : BACKOFF_MAX_MS;

        ceiling = ceiling < BACKOFF_MAX_MS ? ceiling : BACKOFF_MAX_MS;
        given.failures = failures;
        given.random = UINT32_MAX;
        assert_true(backoff_decide(&given).delay_ms <= ceiling);
        assert_true(backoff_decide(&given).delay_ms >= ceiling - 1);
        given.random = 0;
        assert_int_equal(backoff_decide(&given).delay_ms, 0);
        given.random = UINT32_MAX / 2 + 1;
        assert_int_equal(backoff_decide(&given).delay_ms, ceiling / 2);
    }
}

static void
test_hint(void **state)
{
    struct backoff_case given = first_attempt(OUTCOME_RETRY);

    (void) state;
    given.random = 0;
    given.hint_ms = 7000;
    assert_int_equal(backoff_decide(&given).delay_ms, 7000);
    given.random = UINT32_MAX;
    assert_in_range(backoff_decide(&given).delay_ms, 7000, 8000);
    given.hint_ms = INT64_MAX;
    assert_int_equal(backoff_decide(&given).delay_ms, BACKOFF_MAX_MS);
    given.hint_ms = 0;
    assert_true(backoff_decide(&given).delay_ms <= 1000);
}

static void
test_pause(void **state)
{
    struct backoff_case given = first_attempt(OUTCOME_CONFIG);

    (void) state;
    given.pause_ms = 30000;
    given.random = 0;
    assert_int_equal(backoff_decide(&given).delay_ms, 30000);
    given.random = UINT32_MAX;
    assert_in_range(backoff_decide(&given).delay_ms, 30000, 31000);
    given.attempt = 30; /* spreads, but not for ever */
    assert_in_range(backoff_decide(&given).delay_ms, 329000, 330000);
    given.class = OUTCOME_THROTTLE;
    given.attempt = 1;
    given.pause_ms = 100;
    given.hint_ms = 2000;
    given.random = 0;
    assert_int_equal(backoff_decide(&given).delay_ms, 2000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),       cmocka_unit_test(test_at_most_once),
        cmocka_unit_test(test_other_address), cmocka_unit_test(test_attempts),
        cmocka_unit_test(test_age),           cmocka_unit_test(test_exponential),
        cmocka_unit_test(test_hint),          cmocka_unit_test(test_pause),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
