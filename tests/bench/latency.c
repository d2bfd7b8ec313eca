/*
 * Sends at a steady rate and notes when each COMMIT returned.
 *
 *   latency CONNINFO RATE SECONDS    prints "NUMBER MICROSECONDS" for each send (wall clock)
 *
 * NUMBER stands in the message, so that the arrival at the sandbox can be matched.
 */
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t
wall_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
sleep_until(int64_t deadline_us)
{
    struct timespec at = { .tv_sec = deadline_us / 1000000,
                           .tv_nsec = (deadline_us % 1000000) * 1000 };
    clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL);
}

int
main(int argc, char **argv)
{
    if (argc != 4)
    {
        fprintf(stderr, "usage: %s CONNINFO RATE SECONDS\n", argv[0]);
        return 2;
    }
    long rate = strtol(argv[2], NULL, 10);
    long count = rate * strtol(argv[3], NULL, 10);
    PGconn *conn = PQconnectdb(argv[1]);
    if (PQstatus(conn) != CONNECTION_OK)
    {
        fprintf(stderr, "latency: %s", PQerrorMessage(conn));
        return EXIT_FAILURE;
    }
    int64_t start_us = wall_us();
    for (long number = 0; number < count; number++)
    {
        char text[24];
        snprintf(text, sizeof text, "%ld", number);
        const char *params[] = { text };
        sleep_until(start_us + number * 1000000 / rate);
        PGresult *result =
            PQexecParams(conn,
                         "select herald.notify_send('bench', 'bench-' || $1::bigint % 1000,"
                         " jsonb_build_object('n', $1::bigint))",
                         1, NULL, params, NULL, NULL, 0);
        int64_t committed_us = wall_us();
        if (PQresultStatus(result) != PGRES_TUPLES_OK)
        {
            fprintf(stderr, "latency: %s", PQerrorMessage(conn));
            return EXIT_FAILURE;
        }
        PQclear(result);
        printf("%ld %" PRId64 "\n", number, committed_us);
    }
    PQfinish(conn);
    return EXIT_SUCCESS;
}
