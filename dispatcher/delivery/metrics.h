/* Counters and histograms, and their Prometheus text. */
#ifndef DELIVERY_METRICS_H
#define DELIVERY_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "providers/provider.h"

struct metrics;

/* What is read when the text is made. */
struct metrics_gauges
{
    bool ready;
    bool armed;
    int64_t in_flight;
    int64_t queued;  /* claimed, waiting for a slot */
    int64_t pending; /* results not yet recorded */
    int64_t accounts;
    int64_t paused;
    int64_t broken;
    int64_t session_losses;
};

struct metrics *metrics_create(void);
void metrics_destroy(struct metrics *metrics);

/* An attempt ended. */
void metrics_attempt(struct metrics *metrics, enum channel channel, const char *account,
                     enum outcome_class class, int64_t latency_us);

/* A claim answered; a delivery got its slot; a batch was recorded. */
void metrics_claim(struct metrics *metrics, int64_t duration_us, int rows);
void metrics_queue_wait(struct metrics *metrics, int64_t wait_us);
void metrics_record(struct metrics *metrics, int64_t duration_us, int64_t applied, int64_t stale);

/* Results that were recorded before, but whose answer had been lost. */
void metrics_record_repeated(struct metrics *metrics, int64_t rows);

/* A row of herald.backlog(). */
struct metrics_backlog
{
    int64_t waiting;
    int64_t claimed;
    int64_t due;
    int64_t later;
    double oldest_s;
};
void metrics_backlog(struct metrics *metrics, enum channel channel,
                     const struct metrics_backlog *backlog);

/* The database refused a statement. */
void metrics_db_error(struct metrics *metrics, const char *sqlstate);

/* All claims of an epoch were given to others. */
void metrics_epoch_lost(struct metrics *metrics);

/* The result of a check of herald.health(); begin drops the checks of the round before. */
void metrics_health_begin(struct metrics *metrics);
void metrics_health(struct metrics *metrics, const char *name, bool ok);

/* Append whether an account is paused; with NULL the heading, which comes first. */
void metrics_write_account(struct buf *buf, enum channel channel, const char *account, bool paused);

/* Append the exposition text. */
void metrics_write(const struct metrics *metrics, const struct metrics_gauges *gauges,
                   struct buf *buf);

#endif
