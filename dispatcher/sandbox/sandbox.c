/* Clocks of the sandbox: arrival times are read per request, not per loop iteration. */
#include "sandbox/sandbox.h"

#include <time.h>

static int64_t
clock_us(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
sandbox_now(struct sandbox *sandbox)
{
    sandbox->env.now_us = clock_us(CLOCK_REALTIME);
    return sandbox->env.now_us;
}

int64_t
sandbox_mono_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}
