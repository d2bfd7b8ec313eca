/*
 * The event loop, on libuv: descriptors, timers, signals. Time is read once per iteration.
 * Callbacks may create, change and destroy watches and timers, their own included: destroyed
 * objects are freed at the end of the iteration.
 */
#ifndef CORE_LOOP_H
#define CORE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_watch;
struct loop_timer;

enum
{
    LOOP_READ = 1,
    LOOP_WRITE = 2
};

typedef void (*loop_watch_fn)(void *user, int events); /* events: LOOP_READ | LOOP_WRITE */
typedef void (*loop_timer_fn)(void *user);
typedef void (*loop_signal_fn)(void *user, int signum);
typedef void (*loop_end_fn)(void *user);

/* Also makes the process ignore SIGPIPE, SIGUSR1 and SIGUSR2. */
struct loop *loop_create(void);

/* Release the loop with all that is left in it. Destroy listeners first. */
void loop_destroy(struct loop *loop);

/* Run until loop_stop(), or until nothing is left to wait for (signals do not count). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Monotonic milliseconds and wall-clock microseconds since 1970, as of this iteration. */
int64_t loop_now_ms(const struct loop *loop);
int64_t loop_wall_us(const struct loop *loop);

/* Watch a descriptor. Setting events to 0 pauses. The descriptor is not closed by the loop. */
struct loop_watch *loop_watch_create(struct loop *loop, int fd, int events, loop_watch_fn fn,
                                     void *user);
void loop_watch_set(struct loop_watch *watch, int events);
void loop_watch_destroy(struct loop_watch *watch);

/*
 * A timer; repeat_ms 0 fires once. Starting a started timer restarts it. Without delay and repeat
 * it fires in this iteration or, when started by such a timer, in the next one.
 */
struct loop_timer *loop_timer_create(struct loop *loop, loop_timer_fn fn, void *user);
void loop_timer_start(struct loop_timer *timer, int64_t delay_ms, int64_t repeat_ms);
void loop_timer_stop(struct loop_timer *timer);
void loop_timer_destroy(struct loop_timer *timer);

/* Deliver a signal as a callback for the rest of the loop's life. */
void loop_on_signal(struct loop *loop, int signum, loop_signal_fn fn, void *user);

/* Call fn once from inside loop_destroy(), when nothing is left in the loop. */
void loop_at_end(struct loop *loop, loop_end_fn fn, void *user);

/* The uv_loop_t, for core/listen.c. */
void *loop_handle(struct loop *loop);

#endif
