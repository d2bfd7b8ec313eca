/* delivery/limit.c: pacing, shares, and what is granted for a day. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "delivery/limit.h"

#define STARTS_MAX 4000

static struct arena *arena;

static struct limit
limit_of(const char *name, const char *max, int dispatchers)
{
    struct settings *settings = settings_create(arena);
    struct limit_share share = { 0, dispatchers };
    struct limit limit;

    settings_set(settings, name, max);
    limit_init(&limit, settings);
    limit_set_share(&limit, &share, 0);
    return limit;
}

/* Start whatever may start from begin to end, looking every step. */
static size_t
run(struct limit *limit, int64_t begin_us, int64_t end_us, int64_t step_us, int64_t *starts)
{
    size_t count = 0;

    for (int64_t now = begin_us; now < end_us; now += step_us)
    {
        while (count < STARTS_MAX && limit_wait_us(limit, now) == 0)
        {
            limit_take(limit, now);
            starts[count++] = now;
        }
    }
    return count;
}

/* The fullest window of that length. */
static size_t
fullest(const int64_t *starts, size_t count, int64_t window_us)
{
    size_t most = 0;

    for (size_t first = 0, last = 0; last < count; last++)
    {
        while (starts[last] - starts[first] >= window_us)
        {
            first++;
        }
        most = last - first + 1 > most ? last - first + 1 : most;
    }
    return most;
}

static void
test_windows(void **state)
{
    static const struct
    {
        const char *name;
        const char *max;
        int dispatchers;
        int64_t window_us;
        size_t most;
        size_t least; /* in ten windows */
    } cases[] = {
        { "max_per_second", "1", 1, 1000000, 1, 9 },
        { "max_per_second", "7", 1, 1000000, 7, 68 },
        { "max_per_second", "100", 1, 1000000, 100, 900 },
        { "max_per_second", "100", 4, 1000000, 25, 230 },
        { "max_per_second", "5", 2, 1000000, 3, 24 },
        { "max_per_second", "1", 3, 1000000, 1, 3 },
        { "max_per_minute", "60", 1, 60000000, 60, 540 },
        { "max_per_minute", "100", 3, 60000000, 34, 300 },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    {
        int64_t window = cases[i].window_us;
        struct limit limit = limit_of(cases[i].name, cases[i].max, cases[i].dispatchers);
        static int64_t starts[STARTS_MAX];
        size_t count = run(&limit, 3000000, 3000000 + 10 * window, window / 1000, starts);
        size_t most = fullest(starts, count, window);

        if (most > cases[i].most || count < cases[i].least)
        {
            fail_msg("%s %s of %d: %zu in a window, %zu in ten", cases[i].name, cases[i].max,
                     cases[i].dispatchers, most, count);
        }
    }
}

/* Long silence does not save up more than a burst. */
static void
test_silence(void **state)
{
    struct limit limit = limit_of("max_per_second", "100", 1);
    static int64_t starts[STARTS_MAX];

    (void) state;
    assert_int_equal(run(&limit, INT64_C(3600000000), INT64_C(3600000001), 1, starts), 11);
    assert_int_equal(limit_room(&limit, INT64_C(3600000000), 0, 50), 0);
    assert_in_range(limit_room(&limit, INT64_C(3600000000), 1000000, 500), 89, 90);
    assert_int_equal(limit_room(&limit, INT64_C(3600000000), 1000000, 50), 50);
}

/* A newcomer waits until the others know; a dispatcher that is told of one goes on, slower. */
static void
test_share_changes(void **state)
{
    struct settings *settings = settings_create(arena);
    struct limit_share alone = { 0, 1 };
    struct limit_share second = { 1, 2 };
    struct limit newcomer;
    struct limit old = limit_of("max_per_second", "10", 1);

    (void) state;
    settings_set(settings, "max_per_second", "10");
    limit_init(&newcomer, settings);
    assert_true(limit_wait_us(&newcomer, 1) > 0);
    assert_int_equal(limit_room(&newcomer, 1, 1000000, 10), 0);
    limit_set_share(&newcomer, &second, 1000000);
    assert_true(limit_wait_us(&newcomer, 3400000) > 0);
    assert_int_equal(limit_wait_us(&newcomer, 3500000), 0);

    limit_set_share(&old, &second, 1000000);
    assert_int_equal(limit_wait_us(&old, 1000000), 0);
    limit_take(&old, 1000000);
    assert_in_range(limit_wait_us(&old, 1000000), 199000, 201000);
    limit_set_share(&old, &alone, 1100000);
    limit_take(&old, 1200000);
    assert_true(limit_wait_us(&old, 1200000) <= 201000);
}

static void
test_parts(void **state)
{
    (void) state;
    for (int whole = 0; whole < 40; whole++)
    {
        for (int dispatchers = 1; dispatchers < 9; dispatchers++)
        {
            int sum = 0;

            for (int place = 0; place < dispatchers; place++)
            {
                struct limit_share share = { place, dispatchers };

                sum += limit_part(&share, whole);
            }
            assert_int_equal(sum, whole);
        }
    }
    assert_int_equal(limit_part(&(struct limit_share){ 0, 0 }, 100), 100);
}

static void
test_day(void **state)
{
    struct limit limit = limit_of("max_per_day", "100", 1);
    struct limit fresh = limit_of("max_per_day", "200", 1);
    struct limit unlimited = limit_of("max_per_second", "5", 1);

    (void) state;
    assert_false(limit_has_grant(&limit, 1000));
    assert_true(limit_has_grant(&unlimited, 1000));
    limit.granted = 2;
    limit.day_ends_ms = 5000;
    assert_true(limit_has_grant(&limit, 4999));
    assert_false(limit_has_grant(&limit, 5000));
    limit_take(&limit, 1000);
    limit_inherit(&fresh, &limit);
    limit_take(&fresh, 1000);
    assert_false(limit_has_grant(&fresh, 1000));
}

static int
set_up(void **state)
{
    (void) state;
    arena = arena_create();
    return arena == NULL;
}

static int
tear_down(void **state)
{
    (void) state;
    arena_destroy(arena);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_windows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_silence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_share_changes, set_up, tear_down),
        cmocka_unit_test(test_parts),
        cmocka_unit_test_setup_teardown(test_day, set_up, tear_down),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
