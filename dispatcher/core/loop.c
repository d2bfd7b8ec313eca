/* The event loop, on libuv. */
#include "core/loop.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

#include "core/log.h"
#include "core/mem.h"

/* The wall clock is read at most once between two of libuv's phases. */
struct loop_clock
{
    bool fresh;
    int64_t wall_us;
};

struct loop
{
    uv_loop_t uv;
    uv_prepare_t prepare; /* before waiting: what was read is old afterwards */
    uv_check_t check;     /* behind the descriptors, before the timers */
    uv_idle_t idle;       /* active while a timer is due at once: then nothing waits */
    struct loop_timer *soon;
    struct loop_clock *clock;
    struct loop_end *ends;
};

struct loop_watch
{
    uv_poll_t poll;
    int wanted;
    bool running;
    bool closing;
    loop_watch_fn fn;
    void *user;
};

/*
 * A timer without delay is kept in a list: libuv would run one that starts itself again for ever,
 * without looking at descriptors in between.
 */
struct loop_timer
{
    uv_timer_t timer;
    struct loop_timer *soon_next;
    struct loop_timer **soon_link; /* what points at this one; NULL: not in the list */
    loop_timer_fn fn;
    void *user;
};

struct loop_signal
{
    uv_signal_t handle;
    loop_signal_fn fn;
    void *user;
};

struct loop_end
{
    struct loop_end *next;
    loop_end_fn fn;
    void *user;
};

static void
loop_check_uv(int rc, const char *what)
{
    if (rc < 0)
    {
        log_event(LOG_ERROR, "event loop failed", "call", what, "error", uv_strerror(rc), NULL);
        abort();
    }
}

static void
loop_on_prepare(uv_prepare_t *handle)
{
    struct loop *loop = handle->data;

    loop->clock->fresh = false;
}

static void
loop_on_idle(uv_idle_t *handle)
{
    (void) handle;
}

static void
loop_soon_remove(struct loop_timer *timer)
{
    if (timer->soon_link != NULL)
    {
        *timer->soon_link = timer->soon_next;
        if (timer->soon_next != NULL)
        {
            timer->soon_next->soon_link = timer->soon_link;
        }
        timer->soon_link = NULL;
    }
}

static void
loop_soon_add(struct loop *loop, struct loop_timer *timer)
{
    struct loop_timer **link = &loop->soon;

    while (*link != NULL)
    {
        link = &(*link)->soon_next;
    }
    timer->soon_next = NULL;
    timer->soon_link = link;
    *link = timer;
    uv_idle_start(&loop->idle, loop_on_idle);
}

/* Run what is in the list now; what joins meanwhile waits for the next iteration. */
static void
loop_soon_run(struct loop *loop)
{
    struct loop_timer *due = loop->soon;

    loop->soon = NULL;
    if (due != NULL)
    {
        due->soon_link = &due;
    }
    while (due != NULL)
    {
        struct loop_timer *timer = due;

        loop_soon_remove(timer);
        timer->fn(timer->user);
    }
    if (loop->soon == NULL)
    {
        uv_idle_stop(&loop->idle);
    }
}

static void
loop_on_check(uv_check_t *handle)
{
    struct loop *loop = handle->data;

    loop_soon_run(loop);
    loop->clock->fresh = false;
}

struct loop *
loop_create(void)
{
    struct loop *loop = mem_alloc(sizeof(*loop));

    /* Libraries write to sockets whose peers are gone; they learn it from the error. */
    signal(SIGPIPE, SIG_IGN);
    /* A stray one must not end a daemon that holds claims. */
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    loop->clock = mem_alloc(sizeof(*loop->clock));
    loop_check_uv(uv_loop_init(&loop->uv), "uv_loop_init");
    uv_prepare_init(&loop->uv, &loop->prepare);
    uv_check_init(&loop->uv, &loop->check);
    uv_idle_init(&loop->uv, &loop->idle);
    loop->prepare.data = loop;
    loop->check.data = loop;
    uv_prepare_start(&loop->prepare, loop_on_prepare);
    uv_check_start(&loop->check, loop_on_check);
    uv_unref((uv_handle_t *) &loop->prepare);
    uv_unref((uv_handle_t *) &loop->check);
    return loop;
}

/* Watches, timers and signals are their handle's first member, so the handle is the allocation. */
static void
loop_free_handle(uv_handle_t *handle)
{
    free(handle);
}

/* Ours carry the loop as data. core/listen.c closes its own. */
static void
loop_close_handle(uv_handle_t *handle, void *arg)
{
    const struct loop *loop = arg;

    if (handle->data == loop && !uv_is_closing(handle))
    {
        uv_close(handle, loop_free_handle);
    }
}

void
loop_at_end(struct loop *loop, loop_end_fn fn, void *user)
{
    struct loop_end *end = mem_alloc(sizeof(*end));

    end->fn = fn;
    end->user = user;
    end->next = loop->ends;
    loop->ends = end;
}

void
loop_destroy(struct loop *loop)
{
    struct loop_end *end;

    if (loop == NULL)
    {
        return;
    }
    uv_close((uv_handle_t *) &loop->prepare, NULL);
    uv_close((uv_handle_t *) &loop->check, NULL);
    uv_close((uv_handle_t *) &loop->idle, NULL);
    uv_walk(&loop->uv, loop_close_handle, loop);
    while (uv_loop_alive(&loop->uv) != 0)
    {
        uv_run(&loop->uv, UV_RUN_ONCE);
    }
    while ((end = loop->ends) != NULL)
    {
        loop->ends = end->next;
        end->fn(end->user);
        free(end);
    }
    loop_check_uv(uv_loop_close(&loop->uv), "uv_loop_close");
    free(loop->clock);
    free(loop);
}

void
loop_run(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void
loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

int64_t
loop_now_ms(const struct loop *loop)
{
    return (int64_t) uv_now(&loop->uv);
}

int64_t
loop_wall_us(const struct loop *loop)
{
    struct loop_clock *clock = loop->clock;

    if (!clock->fresh)
    {
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        clock->wall_us = (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
        clock->fresh = true;
    }
    return clock->wall_us;
}

static void loop_on_poll(uv_poll_t *poll, int status, int events);

static void
loop_watch_apply(struct loop_watch *watch)
{
    int events = 0;

    if (watch->wanted == 0)
    {
        uv_poll_stop(&watch->poll);
        watch->running = false;
        return;
    }
    events |= (watch->wanted & LOOP_READ) != 0 ? UV_READABLE : 0;
    events |= (watch->wanted & LOOP_WRITE) != 0 ? UV_WRITABLE : 0;
    loop_check_uv(uv_poll_start(&watch->poll, events, loop_on_poll), "uv_poll_start");
    watch->running = true;
}

static void
loop_on_poll(uv_poll_t *poll, int status, int events)
{
    struct loop_watch *watch = (struct loop_watch *) poll;
    int ready = 0;

    if (status < 0)
    {
        /* libuv reports an error condition once and stops; the owner finds it by reading. */
        watch->running = false;
        ready = LOOP_READ | LOOP_WRITE;
    }
    else
    {
        ready |= (events & UV_READABLE) != 0 ? LOOP_READ : 0;
        ready |= (events & UV_WRITABLE) != 0 ? LOOP_WRITE : 0;
    }
    watch->fn(watch->user, ready);
    if (!watch->closing && !watch->running && watch->wanted != 0)
    {
        loop_watch_apply(watch);
    }
}

struct loop_watch *
loop_watch_create(struct loop *loop, int fd, int events, loop_watch_fn fn, void *user)
{
    struct loop_watch *watch = mem_alloc(sizeof(*watch));

    watch->wanted = events;
    watch->fn = fn;
    watch->user = user;
    loop_check_uv(uv_poll_init(&loop->uv, &watch->poll, fd), "uv_poll_init");
    watch->poll.data = loop;
    loop_watch_apply(watch);
    return watch;
}

void
loop_watch_set(struct loop_watch *watch, int events)
{
    if (watch->wanted != events || (events != 0 && !watch->running))
    {
        watch->wanted = events;
        loop_watch_apply(watch);
    }
}

void
loop_watch_destroy(struct loop_watch *watch)
{
    if (watch == NULL)
    {
        return;
    }
    watch->closing = true;
    uv_poll_stop(&watch->poll);
    uv_close((uv_handle_t *) &watch->poll, loop_free_handle);
}

static void
loop_on_timer(uv_timer_t *handle)
{
    struct loop_timer *timer = (struct loop_timer *) handle;

    timer->fn(timer->user);
}

struct loop_timer *
loop_timer_create(struct loop *loop, loop_timer_fn fn, void *user)
{
    struct loop_timer *timer = mem_alloc(sizeof(*timer));

    timer->fn = fn;
    timer->user = user;
    uv_timer_init(&loop->uv, &timer->timer);
    timer->timer.data = loop;
    return timer;
}

void
loop_timer_start(struct loop_timer *timer, int64_t delay_ms, int64_t repeat_ms)
{
    loop_timer_stop(timer);
    if (delay_ms <= 0 && repeat_ms <= 0)
    {
        loop_soon_add(timer->timer.data, timer);
        return;
    }
    uv_timer_start(&timer->timer, loop_on_timer, delay_ms > 0 ? (uint64_t) delay_ms : 0,
                   repeat_ms > 0 ? (uint64_t) repeat_ms : 0);
}

void
loop_timer_stop(struct loop_timer *timer)
{
    loop_soon_remove(timer);
    uv_timer_stop(&timer->timer);
}

void
loop_timer_destroy(struct loop_timer *timer)
{
    if (timer == NULL)
    {
        return;
    }
    loop_timer_stop(timer);
    uv_close((uv_handle_t *) &timer->timer, loop_free_handle);
}

static void
loop_on_signal_handle(uv_signal_t *handle, int signum)
{
    struct loop_signal *watcher = (struct loop_signal *) handle;

    watcher->fn(watcher->user, signum);
}

void
loop_on_signal(struct loop *loop, int signum, loop_signal_fn fn, void *user)
{
    struct loop_signal *watcher = mem_alloc(sizeof(*watcher));

    watcher->fn = fn;
    watcher->user = user;
    loop_check_uv(uv_signal_init(&loop->uv, &watcher->handle), "uv_signal_init");
    watcher->handle.data = loop;
    loop_check_uv(uv_signal_start(&watcher->handle, loop_on_signal_handle, signum),
                  "uv_signal_start");
    uv_unref((uv_handle_t *) &watcher->handle);
}

void *
loop_handle(struct loop *loop)
{
    return &loop->uv;
}
