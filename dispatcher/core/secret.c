/* Secrets behind "env:" and "file:" references. */
#include "core/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/crypto.h"

static bool
secret_is_name(const char *name)
{
    const char *first = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    const char *rest = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

    return *name != '\0' && strchr(first, *name) != NULL && strspn(name, rest) == strlen(name);
}

static char *
secret_from_env(struct arena *arena, const char *name, const char **reterr)
{
    const char *value;

    if (!secret_is_name(name))
    {
        *reterr = arena_printf(arena, "env:%s does not name an environment variable", name);
        return NULL;
    }
    value = getenv(name);
    if (value == NULL || *value == '\0')
    {
        *reterr = arena_printf(arena, "environment variable %s is %s", name,
                               value == NULL ? "not set" : "empty");
        return NULL;
    }
    if (strlen(value) > SECRET_BYTES_MAX)
    {
        *reterr = arena_printf(arena, "environment variable %s is longer than %d bytes", name,
                               SECRET_BYTES_MAX);
        return NULL;
    }
    return arena_strdup(arena, value);
}

/* Why the open file may not hold a secret, or NULL. */
static const char *
secret_file_problem(const struct stat *st)
{
    if (!S_ISREG(st->st_mode))
    {
        return "is not a regular file";
    }
    if ((st->st_mode & (S_IROTH | S_IWOTH)) != 0)
    {
        return "is open to other users: use mode 0600 or 0640";
    }
    if ((st->st_mode & S_IWGRP) != 0)
    {
        return "is writable by its group: use mode 0600 or 0640";
    }
    if (st->st_size == 0)
    {
        return "is empty";
    }
    if (st->st_size > SECRET_BYTES_MAX)
    {
        return "is larger than 65536 bytes";
    }
    return NULL;
}

/* Read the whole file; returns its length, or -1 with errno set. */
static ssize_t
secret_read(int fd, char *data, size_t size)
{
    size_t len = 0;

    while (len < size)
    {
        ssize_t n = read(fd, data + len, size - len);

        if (n < 0 && errno == EINTR)
        {
            continue;
        }
        if (n < 0)
        {
            return -1;
        }
        if (n == 0)
        {
            break;
        }
        len += (size_t) n;
    }
    return (ssize_t) len;
}

static char *
secret_from_fd(struct arena *arena, int fd, const char *path, const char **reterr)
{
    struct stat st;
    const char *problem;
    char *value;
    ssize_t len;

    if (fstat(fd, &st) != 0)
    {
        *reterr = arena_printf(arena, "file %s: %s", path, strerror(errno));
        return NULL;
    }
    problem = secret_file_problem(&st);
    if (problem != NULL)
    {
        *reterr = arena_printf(arena, "file %s %s", path, problem);
        return NULL;
    }
    value = arena_alloc(arena, (size_t) st.st_size + 1);
    len = secret_read(fd, value, (size_t) st.st_size);
    if (len < 0)
    {
        *reterr = arena_printf(arena, "file %s: %s", path, strerror(errno));
        return NULL;
    }
    if (len > 0 && value[len - 1] == '\n')
    {
        value[--len] = '\0';
    }
    if (len > 0 && value[len - 1] == '\r')
    {
        value[--len] = '\0';
    }
    if (len == 0 || memchr(value, '\0', (size_t) len) != NULL)
    {
        crypto_wipe(value, (size_t) len);
        *reterr = arena_printf(arena, "file %s %s", path, len == 0 ? "is empty" : "is not text");
        return NULL;
    }
    return value;
}

static char *
secret_from_file(struct arena *arena, const char *path, const char **reterr)
{
    char *value;
    int fd;

    if (*path != '/')
    {
        *reterr = arena_printf(arena, "file:%s is not an absolute path", path);
        return NULL;
    }
    /* Without O_NONBLOCK a FIFO would hold the daemon until somebody writes. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
    {
        *reterr = arena_printf(arena, "file %s: %s", path, strerror(errno));
        return NULL;
    }
    value = secret_from_fd(arena, fd, path, reterr);
    close(fd);
    return value;
}

char *
secret_resolve(struct arena *arena, const char *reference, const char **reterr)
{
    *reterr = NULL;
    if (strncmp(reference, "env:", 4) == 0)
    {
        return secret_from_env(arena, reference + 4, reterr);
    }
    if (strncmp(reference, "file:", 5) == 0)
    {
        return secret_from_file(arena, reference + 5, reterr);
    }
    /* What stands there may be the secret itself, so it is not repeated. */
    *reterr = arena_strdup(arena, "a secret is given as env:NAME or file:/path");
    return NULL;
}

void
secret_wipe(char *secret)
{
    if (secret != NULL)
    {
        crypto_wipe(secret, strlen(secret));
    }
}
