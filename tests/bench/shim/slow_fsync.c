/*
 * A slower disk: with LD_PRELOAD, every fsync and fdatasync takes BENCH_FSYNC_MS longer.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int
synchronize(long call, int fd)
{
    const char *setting = getenv("BENCH_FSYNC_MS");
    long ms = setting == NULL ? 0 : strtol(setting, NULL, 10);
    struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    int result = (int) syscall(call, fd);

    if (result == 0)
        nanosleep(&pause, NULL);
    return result;
}

int
fsync(int fd)
{
    return synchronize(SYS_fsync, fd);
}

int
fdatasync(int fd)
{
    return synchronize(SYS_fdatasync, fd);
}
