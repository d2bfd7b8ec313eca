/*
 * Senders for the benchmarks: many sessions in one thread, so that the load takes little of the
 * cores that are measured. Each session sends, awaits the commit and sends again.
 *
 *   load [OPTION]… CONNINFO
 *     -c N         sessions (1)
 *     -n N         sends a transaction (1)
 *     -r N         sends a second over all sessions (0: as fast as commits return)
 *     -t SECONDS   (5)
 *     -w MS        stay in the transaction so long after the last send (0)
 *     -m TEMPLATE  (bench)
 *     -p PRIORITY  (normal)
 *     -l FILE      append "NUMBER MICROSECONDS" of each send: wall clock when its commit returned
 *     -a           standard input has lines with how many sends are allowed in all; pause beyond
 *
 * NUMBER counts the sends and stands in the message, so that its arrival can be matched. At the
 * end one JSON object tells what was sent and how long transactions took, from when they were due.
 */
#include <errno.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum
{
    SESSIONS_MAX = 1000,
    RECIPIENTS = 1000
};

enum phase
{
    IDLE,
    SENDING,
    STAYING,
    COMMITTING
};

struct session
{
    PGconn *conn;
    enum phase phase;
    bool wants_out;
    int64_t first_number;
    int64_t due_us;  /* of the transaction */
    int64_t wake_us; /* end of the stay */
};

struct load
{
    const char *conninfo;
    const char *template_name;
    const char *priority;
    FILE *commits;
    int64_t rate;
    int64_t stay_us;
    int64_t sends_each;
    int64_t seconds;
    int64_t allowed;
    bool takes_orders; /* on standard input */
    int count;
    int busy;
    int64_t start_us;
    int64_t started; /* sends */
    uint32_t *times_us;
    size_t times;
    size_t times_max;
    struct session sessions[SESSIONS_MAX];
};

static int64_t
clock_us(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
fail(const char *what)
{
    fprintf(stderr, "load: %s\n", what);
    exit(EXIT_FAILURE);
}

static void
must(const struct session *session, int ok)
{
    if (!ok)
        fail(PQerrorMessage(session->conn));
}

static void
connect_session(struct load *load, struct session *session)
{
    PGresult *result;

    session->conn = PQconnectdb(load->conninfo);
    must(session, PQstatus(session->conn) == CONNECTION_OK);
    result = PQprepare(session->conn, "send",
                       "select herald.notify_send($1, $2, $3, priority => $4)", 0, NULL);
    must(session, PQresultStatus(result) == PGRES_COMMAND_OK);
    PQclear(result);
    must(session, PQenterPipelineMode(session->conn));
    must(session, PQsetnonblocking(session->conn, 1) == 0);
}

static void
flush(struct session *session)
{
    int left = PQflush(session->conn);

    must(session, left >= 0);
    session->wants_out = left == 1;
}

static void
execute(struct session *session, const char *sql)
{
    must(session, PQsendQueryParams(session->conn, sql, 0, NULL, NULL, NULL, NULL, 0));
}

/* Up to a sync all statements are one transaction; a stay needs an explicit one. */
static void
start_transaction(struct load *load, struct session *session, int64_t due_us)
{
    session->due_us = due_us;
    session->first_number = load->started;
    if (load->stay_us > 0)
        execute(session, "begin");
    for (int64_t i = 0; i < load->sends_each; i++)
    {
        int64_t number = load->started++;
        char recipient[32];
        char data[48];
        const char *params[] = { load->template_name, recipient, data, load->priority };

        snprintf(recipient, sizeof recipient, "bench-%" PRId64, number % RECIPIENTS);
        snprintf(data, sizeof data, "{\"n\": %" PRId64 "}", number);
        must(session, PQsendQueryPrepared(session->conn, "send", 4, params, NULL, NULL, 0));
    }
    must(session, PQpipelineSync(session->conn));
    flush(session);
    session->phase = SENDING;
    load->busy++;
}

static void
commit(struct session *session)
{
    execute(session, "commit");
    must(session, PQpipelineSync(session->conn));
    flush(session);
    session->phase = COMMITTING;
}

static void
note_time(struct load *load, int64_t time_us)
{
    if (load->times == load->times_max)
    {
        load->times_max = load->times_max == 0 ? 65536 : load->times_max * 2;
        load->times_us = realloc(load->times_us, load->times_max * sizeof *load->times_us);
        if (load->times_us == NULL)
            fail("out of memory");
    }
    load->times_us[load->times++] = (uint32_t) time_us;
}

static void
end_transaction(struct load *load, struct session *session)
{
    int64_t wall_us = clock_us(CLOCK_REALTIME);

    session->phase = IDLE;
    load->busy--;
    note_time(load, clock_us(CLOCK_MONOTONIC) - session->due_us - load->stay_us);
    for (int64_t i = 0; load->commits != NULL && i < load->sends_each; i++)
        fprintf(load->commits, "%" PRId64 " %" PRId64 "\n", session->first_number + i, wall_us);
}

/* Whether everything up to the sync has been answered. */
static bool
is_answered(struct session *session)
{
    must(session, PQconsumeInput(session->conn));
    while (!PQisBusy(session->conn))
    {
        PGresult *result = PQgetResult(session->conn);
        ExecStatusType status = PQresultStatus(result);

        if (result == NULL)
            continue;
        must(session, status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK ||
                          status == PGRES_PIPELINE_SYNC);
        PQclear(result);
        if (status == PGRES_PIPELINE_SYNC)
            return true;
    }
    return false;
}

static void
attend(struct load *load, struct session *session, int64_t now_us)
{
    if (session->wants_out)
        flush(session);
    if (!is_answered(session))
        return;
    if (session->phase == COMMITTING || load->stay_us == 0)
    {
        end_transaction(load, session);
        return;
    }
    session->phase = STAYING;
    session->wake_us = now_us + load->stay_us;
}

static void
take_order(struct load *load)
{
    char line[64];
    ssize_t got = read(STDIN_FILENO, line, sizeof line - 1);

    if (got <= 0)
        fail("no more orders");
    line[got] = '\0';
    /* Only the last complete line counts; the writer writes whole lines. */
    for (char *at = line; at != NULL && *at != '\0'; at = strchr(at, '\n'))
    {
        at += *at == '\n';
        if (*at != '\0')
            load->allowed = strtoll(at, NULL, 10);
    }
}

/* When the next transaction is due; INT64_MAX: none is. */
static int64_t
next_due_us(const struct load *load, int64_t now_us)
{
    int64_t due_us =
        load->rate == 0 ? now_us : load->start_us + load->started * 1000000 / load->rate;

    if (load->takes_orders && load->started + load->sends_each > load->allowed)
        return INT64_MAX;
    return due_us < load->start_us + load->seconds * 1000000 ? due_us : INT64_MAX;
}

/* Starts and commits what is due; returns when there will be something to do. */
static int64_t
advance(struct load *load, int64_t now_us)
{
    int64_t end_us = load->start_us + load->seconds * 1000000;
    int64_t wake_us = end_us > now_us ? end_us : now_us + 1000000;

    for (int i = 0; i < load->count; i++)
    {
        struct session *session = &load->sessions[i];
        int64_t due_us = session->phase == IDLE ? next_due_us(load, now_us) : INT64_MAX;

        if (due_us <= now_us)
            start_transaction(load, session, due_us);
        else if (due_us < wake_us)
            wake_us = due_us;
        if (session->phase == STAYING && session->wake_us <= now_us)
            commit(session);
        else if (session->phase == STAYING && session->wake_us < wake_us)
            wake_us = session->wake_us;
    }
    return wake_us;
}

static void
wait_for_events(struct load *load, int64_t wait_us)
{
    struct pollfd fds[SESSIONS_MAX + 1];
    struct timespec timeout = { .tv_sec = wait_us / 1000000,
                                .tv_nsec = (wait_us % 1000000) * 1000 };
    int64_t now_us;

    for (int i = 0; i < load->count; i++)
    {
        struct session *session = &load->sessions[i];
        bool waits = session->phase == SENDING || session->phase == COMMITTING;

        fds[i] = (struct pollfd){ .fd = waits ? PQsocket(session->conn) : -1,
                                  .events = session->wants_out ? POLLIN | POLLOUT : POLLIN };
    }
    fds[load->count] =
        (struct pollfd){ .fd = load->takes_orders ? STDIN_FILENO : -1, .events = POLLIN };
    if (ppoll(fds, (nfds_t) load->count + 1, &timeout, NULL) < 0 && errno != EINTR)
        fail(strerror(errno));
    now_us = clock_us(CLOCK_MONOTONIC);
    for (int i = 0; i < load->count; i++)
    {
        if (fds[i].revents != 0)
            attend(load, &load->sessions[i], now_us);
    }
    if (fds[load->count].revents != 0)
        take_order(load);
}

static void
run(struct load *load)
{
    load->start_us = clock_us(CLOCK_MONOTONIC);
    for (;;)
    {
        int64_t now_us = clock_us(CLOCK_MONOTONIC);
        int64_t wake_us = advance(load, now_us);
        bool is_over = now_us >= load->start_us + load->seconds * 1000000;

        if (is_over && load->busy == 0)
            return;
        wait_for_events(load, wake_us - now_us);
    }
}

static int
compare(const void *a, const void *b)
{
    const uint32_t *x = a;
    const uint32_t *y = b;

    return (*x > *y) - (*x < *y);
}

static double
percentile_ms(const struct load *load, double share)
{
    size_t rank = (size_t) ((double) load->times * share);

    if (load->times == 0)
        return 0;
    return load->times_us[rank < load->times ? rank : load->times - 1] / 1000.0;
}

static void
report(struct load *load)
{
    double seconds = (double) (clock_us(CLOCK_MONOTONIC) - load->start_us) / 1e6;

    qsort(load->times_us, load->times, sizeof *load->times_us, compare);
    printf("{\"sent\": %" PRId64 ", \"seconds\": %.3f, \"p50_ms\": %.3f, \"p99_ms\": %.3f,"
           " \"max_ms\": %.3f}\n",
           load->started, seconds, percentile_ms(load, 0.5), percentile_ms(load, 0.99),
           percentile_ms(load, 1));
}

static void
parse_options(struct load *load, int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "c:n:r:t:w:m:p:l:a")) != -1)
    {
        int64_t number = optarg == NULL ? 0 : strtoll(optarg, NULL, 10);

        switch (option)
        {
            case 'c':
                load->count = (int) number;
                break;
            case 'n':
                load->sends_each = number;
                break;
            case 'r':
                load->rate = number;
                break;
            case 't':
                load->seconds = number;
                break;
            case 'w':
                load->stay_us = number * 1000;
                break;
            case 'm':
                load->template_name = optarg;
                break;
            case 'p':
                load->priority = optarg;
                break;
            case 'l':
                load->commits = fopen(optarg, "a");
                break;
            case 'a':
                load->takes_orders = true;
                break;
            default:
                fail("wrong usage");
        }
    }
    if (optind + 1 != argc || load->count < 1 || load->count > SESSIONS_MAX || load->sends_each < 1)
        fail("wrong usage");
    load->conninfo = argv[optind];
}

int
main(int argc, char **argv)
{
    static struct load load = {
        .count = 1, .sends_each = 1, .seconds = 5, .template_name = "bench", .priority = "normal"
    };

    parse_options(&load, argc, argv);
    for (int i = 0; i < load.count; i++)
        connect_session(&load, &load.sessions[i]);
    run(&load);
    report(&load);
    if (load.commits != NULL && fclose(load.commits) != 0)
        fail("commits could not be written");
    for (int i = 0; i < load.count; i++)
        PQfinish(load.sessions[i].conn);
    free(load.times_us);
    return EXIT_SUCCESS;
}
