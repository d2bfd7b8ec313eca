/* The notification protocol of systemd: one datagram a message. */
#include "delivery/sd_notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void
sd_notify_send(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t len = path == NULL ? 0 : strlen(path);
    int fd;

    if (len < 2 || len >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
    {
        return;
    }
    memcpy(address.sun_path, path, len);
    if (path[0] == '@')
    {
        address.sun_path[0] = '\0'; /* abstract */
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
    {
        return;
    }
    /* Nobody to tell when this fails. */
    (void) !sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *) &address,
                   (socklen_t) (offsetof(struct sockaddr_un, sun_path) + len));
    close(fd);
}

int64_t
sd_notify_watchdog_ms(void)
{
    const char *text = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    long long period_us = text == NULL ? 0 : strtoll(text, NULL, 10);

    if (pid != NULL && strtol(pid, NULL, 10) != (long) getpid())
    {
        return 0;
    }
    return period_us > 0 ? period_us / 2000 : 0;
}
