/*
 * LD_PRELOAD: a full disk. While the file HERALD_FULL exists, no file under the folder
 * HERALD_FULL_FOLDER grows: what would make it grow gets ENOSPC, as on a disk without a free block.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Would fd become longer than it is, and may it not? */
static bool
is_full(int fd, off_t end)
{
    const char *sign = getenv("HERALD_FULL");
    const char *folder = getenv("HERALD_FULL_FOLDER");
    char link[64];
    char path[PATH_MAX];
    struct stat st;
    ssize_t len;

    if (sign == NULL || folder == NULL || access(sign, F_OK) != 0)
    {
        return false;
    }
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    len = readlink(link, path, sizeof(path) - 1);
    if (len < 0)
    {
        return false;
    }
    path[len] = '\0';
    return strncmp(path, folder, strlen(folder)) == 0 && fstat(fd, &st) == 0 && end > st.st_size;
}

static off_t
total(const struct iovec *parts, int count)
{
    off_t ret = 0;

    for (int i = 0; i < count; i++)
    {
        ret += (off_t) parts[i].iov_len;
    }
    return ret;
}

/* The function behind NAME, found once; refuse and return when the file would grow past END. */
#define GUARD(NAME, FD, END, REFUSAL)                                                              \
    static __typeof__(&NAME) next;                                                                 \
    if (next == NULL)                                                                              \
    {                                                                                              \
        *(void **) &next = dlsym(RTLD_NEXT, #NAME);                                                \
    }                                                                                              \
    if (is_full(FD, END))                                                                          \
    {                                                                                              \
        errno = ENOSPC;                                                                            \
        return REFUSAL;                                                                            \
    }

ssize_t
write(int fd, const void *data, size_t size)
{
    GUARD(write, fd, lseek(fd, 0, SEEK_CUR) + (off_t) size, -1)
    return next(fd, data, size);
}

ssize_t
pwrite(int fd, const void *data, size_t size, off_t at)
{
    GUARD(pwrite, fd, at + (off_t) size, -1)
    return next(fd, data, size, at);
}

ssize_t
pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    GUARD(pwrite64, fd, at + (off_t) size, -1)
    return next(fd, data, size, at);
}

ssize_t
pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    GUARD(pwritev, fd, at + total(parts, count), -1)
    return next(fd, parts, count, at);
}

ssize_t
pwritev64(int fd, const struct iovec *parts, int count, off64_t at)
{
    GUARD(pwritev64, fd, at + total(parts, count), -1)
    return next(fd, parts, count, at);
}

int
posix_fallocate(int fd, off_t at, off_t size)
{
    GUARD(posix_fallocate, fd, at + size, ENOSPC)
    return next(fd, at, size);
}

int
posix_fallocate64(int fd, off64_t at, off64_t size)
{
    GUARD(posix_fallocate64, fd, at + size, ENOSPC)
    return next(fd, at, size);
}
