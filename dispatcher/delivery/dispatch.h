/* The dispatcher: puts the parts together and runs them on one loop. */
#ifndef DELIVERY_DISPATCH_H
#define DELIVERY_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dispatch_settings
{
    const char *conninfo;
    const char *name;
    const char *metrics;        /* address to listen on; NULL: none */
    int concurrency;            /* requests in flight */
    size_t object_bytes_max;    /* of attached content in memory */
    unsigned channels;          /* bit set of enum channel */
    int64_t drain_ms;           /* how long a stop waits for answers */
    bool once;                  /* stop when nothing is left to claim */
    void (*reload)(void *user); /* SIGHUP: accounts are read again besides; may be NULL */
    void *user;
};

/*
 * Run until a signal ends it, once is done, or the database refuses it. Returns the exit code: 0
 * when everything claimed was recorded or given back, 1 when not, 3 when once ended while accounts
 * were paused.
 */
int dispatch_run(const struct dispatch_settings *settings);

#endif
