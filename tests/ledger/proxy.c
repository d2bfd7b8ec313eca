/*
 * Passes connections of a Unix socket on to another one, and cuts them on demand.
 *
 *   proxy LISTEN TARGET    both are paths; SIGUSR1 cuts every connection where it stands
 *
 * Bytes that were read from one side and not yet written to the other are lost in a cut, so it
 * falls anywhere in the protocol.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum
{
    PAIRS_MAX = 200,
    BUFFER_BYTES = 65536
};

/* One direction: what was read and waits to be written. */
struct flow
{
    char data[BUFFER_BYTES];
    size_t start;
    size_t end;
};

struct pair
{
    int fds[2];           /* client, server */
    struct flow flows[2]; /* flows[i] comes from fds[i] */
};

static struct pair *pairs[PAIRS_MAX];
static int pair_count;
static volatile sig_atomic_t cut;

static void
on_cut(int signum)
{
    (void) signum;
    cut = 1;
}

static int
open_socket(const char *path, bool is_listener)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int failed;

    if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
    {
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    failed = is_listener
                 ? bind(fd, (struct sockaddr *) &address, sizeof(address)) || listen(fd, PAIRS_MAX)
                 : connect(fd, (struct sockaddr *) &address, sizeof(address));
    if (failed)
    {
        close(fd);
        return -1;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void
drop(int index)
{
    close(pairs[index]->fds[0]);
    close(pairs[index]->fds[1]);
    free(pairs[index]);
    pairs[index] = pairs[--pair_count];
}

static void
take_client(int listener, const char *target)
{
    int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int server;
    struct pair *pair;

    if (client < 0)
    {
        return;
    }
    server = pair_count < PAIRS_MAX ? open_socket(target, false) : -1;
    pair = server < 0 ? NULL : calloc(1, sizeof(*pair));
    if (pair == NULL)
    {
        close(client);
        if (server >= 0)
        {
            close(server);
        }
        return;
    }
    pair->fds[0] = client;
    pair->fds[1] = server;
    pairs[pair_count++] = pair;
}

/* Read into an empty flow; false when the side has ended. */
static bool
fill(struct flow *flow, int fd)
{
    ssize_t got = read(fd, flow->data, sizeof(flow->data));

    if (got > 0)
    {
        flow->start = 0;
        flow->end = (size_t) got;
    }
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool
empty(struct flow *flow, int fd)
{
    ssize_t put = send(fd, flow->data + flow->start, flow->end - flow->start, MSG_NOSIGNAL);

    flow->start += put > 0 ? (size_t) put : 0;
    return put >= 0 || errno == EAGAIN || errno == EINTR;
}

/* Move what can be moved; false when the pair has ended. */
static bool
pump(struct pair *pair, const struct pollfd *ready)
{
    for (int i = 0; i < 2; i++)
    {
        struct flow *flow = &pair->flows[i];

        if (flow->start == flow->end && (ready[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0 &&
            !fill(flow, pair->fds[i]))
        {
            return false;
        }
        if (flow->start < flow->end && !empty(flow, pair->fds[1 - i]))
        {
            return false;
        }
    }
    return true;
}

static void
look(int listener, const char *target)
{
    static struct pollfd polled[1 + 2 * PAIRS_MAX];
    int watched = pair_count;

    polled[0] = (struct pollfd){ .fd = listener, .events = POLLIN };
    for (int i = 0; i < watched; i++)
    {
        for (int side = 0; side < 2; side++)
        {
            const struct flow *from = &pairs[i]->flows[side];
            const struct flow *to = &pairs[i]->flows[1 - side];

            polled[1 + 2 * i + side] = (struct pollfd){
                .fd = pairs[i]->fds[side],
                .events = (short) ((from->start == from->end ? POLLIN : 0) |
                                   (to->start < to->end ? POLLOUT : 0)),
            };
        }
    }
    if (poll(polled, (nfds_t) (1 + 2 * watched), 1000) < 0)
    {
        return;
    }
    for (int i = watched - 1; i >= 0; i--)
    {
        if (!pump(pairs[i], &polled[1 + 2 * i]))
        {
            drop(i);
        }
    }
    if (polled[0].revents != 0)
    {
        take_client(listener, target);
    }
}

int
main(int argc, char **argv)
{
    struct sigaction action = { .sa_handler = on_cut };
    int listener;

    if (argc != 3)
    {
        fprintf(stderr, "usage: %s LISTEN TARGET\n", argv[0]);
        return 2;
    }
    listener = open_socket(argv[1], true);
    if (listener < 0)
    {
        perror("proxy");
        return EXIT_FAILURE;
    }
    sigaction(SIGUSR1, &action, NULL);
    for (;;)
    {
        look(listener, argv[2]);
        if (!cut)
        {
            continue;
        }
        cut = 0;
        while (pair_count > 0)
        {
            drop(pair_count - 1);
        }
    }
}
