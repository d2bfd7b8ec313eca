/* core/loop.c: objects may be destroyed from any callback; time, signals, end of the loop. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/loop.h"

static struct loop *loop;
static struct loop_timer *timer;
static struct loop_timer *other;
static struct loop_watch *watch;
static int calls;
static int fds[2];

static int
set_up(void **state)
{
    (void) state;
    loop = loop_create();
    calls = 0;
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds);
}

static int
tear_down(void **state)
{
    (void) state;
    loop_destroy(loop);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

static void
on_count(void *user)
{
    (void) user;
    if (++calls == 3)
    {
        loop_timer_stop(timer);
    }
}

static void
test_timer(void **state)
{
    (void) state;
    timer = loop_timer_create(loop, on_count, NULL);
    loop_timer_start(timer, 1, 1);
    loop_run(loop); /* ends because nothing is left */
    assert_int_equal(calls, 3);
    loop_timer_destroy(timer);
}

static void
on_destroy_timers(void *user)
{
    (void) user;
    calls++;
    loop_timer_destroy(timer);
    loop_timer_destroy(other);
}

static void
test_destroy_inside(void **state)
{
    (void) state;
    timer = loop_timer_create(loop, on_destroy_timers, NULL);
    other = loop_timer_create(loop, on_destroy_timers, NULL);
    loop_timer_start(timer, 0, 1);
    loop_timer_start(other, 0, 1);
    loop_run(loop);
    assert_int_equal(calls, 1);
}

static void
on_stop(void *user)
{
    (void) user;
    loop_stop(loop);
}

static void
test_stop_leaves_the_rest(void **state)
{
    (void) state;
    timer = loop_timer_create(loop, on_stop, NULL);
    other = loop_timer_create(loop, on_count, NULL);
    loop_timer_start(timer, 1, 0);
    loop_timer_start(other, 1000000, 0);
    watch = loop_watch_create(loop, fds[0], LOOP_READ, NULL, NULL);
    loop_run(loop);
    assert_int_equal(calls, 0); /* what is left is released with the loop */
}

static void
on_readable(void *user, int events)
{
    char byte;

    (void) user;
    assert_true((events & LOOP_READ) != 0);
    assert_int_equal(read(fds[0], &byte, 1), 1);
    if (++calls == 2)
    {
        loop_watch_destroy(watch);
    }
}

static void
test_watch(void **state)
{
    (void) state;
    watch = loop_watch_create(loop, fds[0], LOOP_READ, on_readable, NULL);
    assert_int_equal(write(fds[1], "abc", 3), 3);
    loop_run(loop);
    assert_int_equal(calls, 2);
}

static void
on_pause(void *user, int events)
{
    (void) user;
    (void) events;
    calls++;
    loop_watch_set(watch, 0);
}

static void
on_resume(void *user)
{
    (void) user;
    if (calls == 1)
    {
        loop_watch_set(watch, LOOP_READ | LOOP_WRITE);
        return;
    }
    loop_timer_destroy(timer);
    loop_watch_destroy(watch);
}

static void
test_watch_pause(void **state)
{
    (void) state;
    assert_int_equal(write(fds[1], "abc", 3), 3);
    watch = loop_watch_create(loop, fds[0], LOOP_READ, on_pause, NULL);
    timer = loop_timer_create(loop, on_resume, NULL);
    loop_timer_start(timer, 5, 5);
    loop_run(loop);
    assert_int_equal(calls, 2);
}

/* The same number again, while the old watch is not freed yet. */
static void
on_replace(void *user, int events)
{
    (void) user;
    (void) events;
    loop_watch_destroy(watch);
    watch = loop_watch_create(loop, fds[0], LOOP_READ, on_readable, NULL);
}

static void
test_watch_replace(void **state)
{
    (void) state;
    watch = loop_watch_create(loop, fds[0], LOOP_READ, on_replace, NULL);
    assert_int_equal(write(fds[1], "ab", 2), 2);
    loop_run(loop);
    assert_int_equal(calls, 2);
}

static void
on_hangup(void *user, int events)
{
    char byte;

    (void) user;
    (void) events;
    calls++;
    if (read(fds[0], &byte, 1) <= 0)
    {
        loop_watch_destroy(watch);
    }
}

static void
test_hangup_is_reported(void **state)
{
    (void) state;
    watch = loop_watch_create(loop, fds[0], LOOP_READ, on_hangup, NULL);
    shutdown(fds[1], SHUT_RDWR);
    loop_run(loop);
    assert_true(calls >= 1);
}

static void
on_time(void *user)
{
    int64_t *times = user;
    struct timespec pause = { 0, 20000000 };

    times[0] = loop_now_ms(loop);
    times[1] = loop_wall_us(loop);
    nanosleep(&pause, NULL);
    times[2] = loop_now_ms(loop);
    times[3] = loop_wall_us(loop);
}

static void
on_later(void *user)
{
    int64_t *times = user;

    times[4] = loop_now_ms(loop);
    times[5] = loop_wall_us(loop);
}

static void
test_time_once_per_iteration(void **state)
{
    int64_t times[6];

    (void) state;
    timer = loop_timer_create(loop, on_time, times);
    other = loop_timer_create(loop, on_later, times);
    loop_timer_start(timer, 1, 0);
    loop_timer_start(other, 10, 0);
    loop_run(loop);
    assert_int_equal(times[0], times[2]);
    assert_int_equal(times[1], times[3]);
    assert_true(times[4] >= times[0] + 20);
    assert_true(times[5] >= times[1] + 20000);
    assert_true(times[1] / 1000000 - time(NULL) < 5 && times[1] / 1000000 - time(NULL) > -5);
}

/* Timers without delay that start themselves again must not starve descriptors. */
static void
on_again(void *user)
{
    (void) user;
    calls++;
    loop_timer_start(timer, 0, 0);
}

static void
on_readable_stop(void *user, int events)
{
    (void) user;
    (void) events;
    loop_stop(loop);
}

static void
test_no_starvation(void **state)
{
    (void) state;
    timer = loop_timer_create(loop, on_again, NULL);
    loop_timer_start(timer, 0, 0);
    watch = loop_watch_create(loop, fds[0], LOOP_READ, on_readable_stop, NULL);
    assert_int_equal(write(fds[1], "a", 1), 1);
    loop_run(loop);
    assert_in_range(calls, 1, 10);
}

static void
on_order(void *user)
{
    const int *number = user;

    calls = calls * 10 + *number;
}

static void
on_order_destroy(void *user)
{
    on_order(user);
    loop_timer_destroy(other);
}

static void
test_soon(void **state)
{
    static int numbers[] = { 1, 2, 3, 4 };
    struct loop_timer *third;
    struct loop_timer *fourth;

    (void) state;
    timer = loop_timer_create(loop, on_order_destroy, &numbers[0]);
    other = loop_timer_create(loop, on_order, &numbers[1]);
    third = loop_timer_create(loop, on_order, &numbers[2]);
    fourth = loop_timer_create(loop, on_order, &numbers[3]);
    loop_timer_start(timer, 0, 0);
    loop_timer_start(other, 0, 0);
    loop_timer_start(third, 0, 0);
    loop_timer_start(fourth, 0, 0);
    loop_timer_start(timer, 0, 0); /* again: now the last one */
    loop_timer_stop(fourth);
    loop_run(loop);
    assert_int_equal(calls, 231);
}

static void
on_signal(void *user, int signum)
{
    int *seen = user;

    *seen = signum;
    loop_stop(loop);
}

static void
on_raise(void *user)
{
    (void) user;
    raise(SIGUSR1);
}

static void
test_signal(void **state)
{
    int seen = 0;

    (void) state;
    loop_on_signal(loop, SIGUSR1, on_signal, &seen);
    timer = loop_timer_create(loop, on_raise, NULL);
    other = loop_timer_create(loop, on_count, NULL);
    loop_timer_start(timer, 1, 0);
    loop_timer_start(other, 5000, 0);
    loop_run(loop);
    assert_int_equal(seen, SIGUSR1);
}

static void
on_end(void *user)
{
    int *ended = user;

    (*ended)++;
}

static void
test_at_end(void **state)
{
    int ended = 0;
    struct loop *second = loop_create();

    (void) state;
    loop_at_end(second, on_end, &ended);
    loop_at_end(second, on_end, &ended);
    loop_destroy(second);
    assert_int_equal(ended, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_timer),
        TEST(test_destroy_inside),
        TEST(test_stop_leaves_the_rest),
        TEST(test_watch),
        TEST(test_watch_pause),
        TEST(test_watch_replace),
        TEST(test_hangup_is_reported),
        TEST(test_time_once_per_iteration),
        TEST(test_no_starvation),
        TEST(test_soon),
        TEST(test_signal),
        TEST(test_at_end),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
