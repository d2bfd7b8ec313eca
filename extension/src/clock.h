/*
 * Time for decisions between processes: a clock that nobody sets.
 */
#ifndef HERALD_CLOCK_H
#define HERALD_CLOCK_H

#include <time.h>

/* Microseconds on a clock that is common to all processes of the host and never moves back. */
static inline int64
herald_monotonic_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

#endif
