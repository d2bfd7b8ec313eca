/*
 * What arrived: a bounded memory of requests, byte for byte, counters, and an append-only log.
 */
#ifndef SANDBOX_LEDGER_H
#define SANDBOX_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "sandbox/double.h"

#define LEDGER_BYTES_MAX ((size_t) 512 * 1024 * 1024)

enum ledger_log
{
    LEDGER_LOG_NONE,
    LEDGER_LOG_META, /* without headers; the body as its SHA-256 */
    LEDGER_LOG_FULL
};

struct ledger_entry
{
    uint64_t seq; /* set by ledger_add() */
    int64_t wall_us;
    int64_t mono_us;
    const char *provider; /* static */
    uint64_t conn;
    int64_t stream; /* 0: not HTTP/2 */
    const struct double_request *request;
    int status; /* of the answer; 0: none was sent */
    enum decision decision;
    bool executed; /* the provider did what it was asked for */
    const char *violation;
    const char *fault;
    const char *address;
    const char *id;
    const char *plaintext;
};

struct ledger_count
{
    uint64_t requests;
    uint64_t accepted;
    uint64_t refused;
    uint64_t faults;
    uint64_t executed;
    uint64_t violations;
    uint64_t body_bytes;
    int64_t first_us;
    int64_t last_us;
};

struct ledger;

/* Remember up to records requests; path NULL: no log. NULL with *reterr static. */
struct ledger *ledger_create(size_t records, enum ledger_log log, const char *path,
                             const char **reterr);
void ledger_destroy(struct ledger *ledger);

/* Record (copies everything) and count; returns the sequence number. */
uint64_t ledger_add(struct ledger *ledger, const struct ledger_entry *entry);

/* Count only: a correct request in fast mode. */
void ledger_count_fast(struct ledger *ledger, size_t double_index, size_t body_bytes,
                       int64_t wall_us);

/* Write the log lines that are waiting; false (errno set) when the log cannot be written. */
bool ledger_flush(struct ledger *ledger);

/* Forget all records and counters; sequence numbers go on. */
void ledger_reset(struct ledger *ledger);

uint64_t ledger_last(const struct ledger *ledger);

/* Append a JSON array of the records with seq > after, newest first, at most limit. */
void ledger_print(const struct ledger *ledger, uint64_t after, size_t limit, struct buf *ret);

/* Append the counters as a JSON object: provider -> counts. */
void ledger_print_counts(const struct ledger *ledger, struct buf *ret);

#endif
