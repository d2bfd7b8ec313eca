/* Prometheus text format, version 0.0.4. */
#include "delivery/metrics.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

/* Upper bounds in seconds. */
static const double bounds[] = { 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.005,
                                 0.0075, 0.01,  0.015,  0.02,  0.03,  0.05,  0.1,
                                 0.25,   0.5,   1,      2.5,   5,     10,    30 };

#define BOUND_COUNT (sizeof(bounds) / sizeof(bounds[0]))

struct histogram
{
    uint64_t buckets[BOUND_COUNT + 1];
    uint64_t count;
    double sum_s;
};

/* Attempts of one account. */
struct series
{
    struct series *next;
    enum channel channel;
    char *account;
    uint64_t classes[OUTCOME_CLASS_COUNT];
    struct histogram latency;
};

/* A check of herald.health(). */
struct health
{
    char name[64];
    bool ok;
};

#define HEALTH_MAX 32
#define DB_CLASSES_MAX 32

/* Refusals of one class of SQLSTATE. */
struct db_class
{
    char class[3];
    uint64_t count;
};

struct metrics
{
    struct series *series;
    struct health health[HEALTH_MAX];
    size_t health_count;
    struct metrics_backlog backlog[CHANNEL_COUNT];
    bool backlog_known;
    struct db_class db_classes[DB_CLASSES_MAX];
    size_t db_class_count;
    uint64_t epochs_lost;
    struct histogram claims;
    struct histogram records;
    struct histogram waits;
    uint64_t claimed;
    uint64_t recorded;
    uint64_t stale;
    uint64_t repeated;
};

struct metrics *
metrics_create(void)
{
    return mem_alloc(sizeof(struct metrics));
}

void
metrics_destroy(struct metrics *metrics)
{
    if (metrics == NULL)
    {
        return;
    }
    while (metrics->series != NULL)
    {
        struct series *next = metrics->series->next;

        free(metrics->series->account);
        free(metrics->series);
        metrics->series = next;
    }
    free(metrics);
}

static void
observe(struct histogram *histogram, int64_t value_us)
{
    double seconds = (double) value_us / 1e6;
    size_t i = 0;

    while (i < BOUND_COUNT && seconds > bounds[i])
    {
        i++;
    }
    histogram->buckets[i]++;
    histogram->count++;
    histogram->sum_s += seconds;
}

static struct series *
series_of(struct metrics *metrics, enum channel channel, const char *account)
{
    struct series *series = metrics->series;

    while (series != NULL && strcmp(series->account, account) != 0)
    {
        series = series->next;
    }
    if (series == NULL)
    {
        series = mem_alloc(sizeof(*series));
        series->channel = channel;
        series->account = mem_strdup(account);
        series->next = metrics->series;
        metrics->series = series;
    }
    return series;
}

void
metrics_attempt(struct metrics *metrics, enum channel channel, const char *account,
                enum outcome_class class, int64_t latency_us)
{
    struct series *series = series_of(metrics, channel, account == NULL ? "" : account);

    series->classes[class]++;
    if (latency_us > 0)
    {
        observe(&series->latency, latency_us);
    }
}

void
metrics_claim(struct metrics *metrics, int64_t duration_us, int rows)
{
    observe(&metrics->claims, duration_us);
    metrics->claimed += (uint64_t) rows;
}

void
metrics_queue_wait(struct metrics *metrics, int64_t wait_us)
{
    observe(&metrics->waits, wait_us);
}

void
metrics_record(struct metrics *metrics, int64_t duration_us, int64_t applied, int64_t stale)
{
    observe(&metrics->records, duration_us);
    metrics->recorded += (uint64_t) applied;
    metrics->stale += (uint64_t) stale;
}

void
metrics_record_repeated(struct metrics *metrics, int64_t rows)
{
    metrics->repeated += (uint64_t) rows;
}

void
metrics_backlog(struct metrics *metrics, enum channel channel,
                const struct metrics_backlog *backlog)
{
    metrics->backlog[channel] = *backlog;
    metrics->backlog_known = true;
}

void
metrics_db_error(struct metrics *metrics, const char *sqlstate)
{
    struct db_class *class = metrics->db_classes;

    while (class < metrics->db_classes + metrics->db_class_count &&
           strncmp(class->class, sqlstate, 2) != 0)
    {
        class ++;
    }
    if (class == metrics->db_classes + DB_CLASSES_MAX)
    {
        return;
    }
    if (class == metrics->db_classes + metrics->db_class_count)
    {
        snprintf(class->class, sizeof(class->class), "%.2s", sqlstate);
        metrics->db_class_count++;
    }
    class->count++;
}

void
metrics_epoch_lost(struct metrics *metrics)
{
    metrics->epochs_lost++;
}

void
metrics_health_begin(struct metrics *metrics)
{
    metrics->health_count = 0;
}

void
metrics_health(struct metrics *metrics, const char *name, bool ok)
{
    if (metrics->health_count < HEALTH_MAX)
    {
        struct health *health = &metrics->health[metrics->health_count++];

        snprintf(health->name, sizeof(health->name), "%s", name);
        health->ok = ok;
    }
}

static void
head(struct buf *buf, const char *name, const char *type, const char *help)
{
    buf_printf(buf, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
write_histogram(struct buf *buf, const char *name, const char *labels,
                const struct histogram *histogram)
{
    const char *comma = labels[0] == '\0' ? "" : ",";
    uint64_t total = 0;

    for (size_t i = 0; i < BOUND_COUNT; i++)
    {
        total += histogram->buckets[i];
        buf_printf(buf, "%s_bucket{%s%sle=\"%g\"} %" PRIu64 "\n", name, labels, comma, bounds[i],
                   total);
    }
    buf_printf(buf, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, labels, comma,
               histogram->count);
    buf_printf(buf, "%s_sum{%s} %.6f\n%s_count{%s} %" PRIu64 "\n", name, labels, histogram->sum_s,
               name, labels, histogram->count);
}

static void
write_attempts(const struct metrics *metrics, struct buf *buf)
{
    head(buf, "herald_attempts_total", "counter", "Attempts by outcome.");
    for (const struct series *s = metrics->series; s != NULL; s = s->next)
    {
        for (int class = 0; class < OUTCOME_CLASS_COUNT; class ++)
        {
            buf_printf(buf,
                       "herald_attempts_total{channel=\"%s\",account=\"%s\",class=\"%s\"} %" PRIu64
                       "\n",
                       channel_name(s->channel), s->account,
                       outcome_class_name((enum outcome_class) class), s->classes[class]);
        }
    }
    head(buf, "herald_attempt_seconds", "histogram", "Time from request to answer.");
    for (const struct series *s = metrics->series; s != NULL; s = s->next)
    {
        struct buf labels;

        buf_init(&labels, 256);
        buf_printf(&labels, "channel=\"%s\",account=\"%s\"", channel_name(s->channel), s->account);
        write_histogram(buf, "herald_attempt_seconds", labels.data, &s->latency);
        buf_finish(&labels);
    }
}

static void
write_health(const struct metrics *metrics, struct buf *buf)
{
    if (metrics->health_count > 0)
    {
        head(buf, "herald_health", "gauge", "1 when the check of herald.health() is well.");
    }
    for (size_t i = 0; i < metrics->health_count; i++)
    {
        buf_printf(buf, "herald_health{check=\"%s\"} %d\n", metrics->health[i].name,
                   metrics->health[i].ok ? 1 : 0);
    }
}

static void
write_backlog(const struct metrics *metrics, struct buf *buf)
{
    static const char *const states[] = { "waiting", "claimed", "due", "later" };

    if (!metrics->backlog_known)
    {
        return;
    }
    head(buf, "herald_backlog", "gauge",
         "Deliveries in the database, estimated when there are many.");
    for (int channel = 0; channel < CHANNEL_COUNT; channel++)
    {
        const struct metrics_backlog *row = &metrics->backlog[channel];
        const int64_t counts[] = { row->waiting, row->claimed, row->due, row->later };

        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        {
            buf_printf(buf, "herald_backlog{channel=\"%s\",state=\"%s\"} %" PRId64 "\n",
                       channel_name((enum channel) channel), states[i], counts[i]);
        }
    }
    head(buf, "herald_oldest_seconds", "gauge",
         "Age of the oldest delivery that could be claimed.");
    for (int channel = 0; channel < CHANNEL_COUNT; channel++)
    {
        buf_printf(buf, "herald_oldest_seconds{channel=\"%s\"} %.3f\n",
                   channel_name((enum channel) channel), metrics->backlog[channel].oldest_s);
    }
}

static void
write_db_errors(const struct metrics *metrics, struct buf *buf)
{
    head(buf, "herald_db_errors_total", "counter",
         "Statements that the database refused, by class of SQLSTATE.");
    for (size_t i = 0; i < metrics->db_class_count; i++)
    {
        buf_printf(buf, "herald_db_errors_total{class=\"%s\"} %" PRIu64 "\n",
                   metrics->db_classes[i].class, metrics->db_classes[i].count);
    }
}

void
metrics_write_account(struct buf *buf, enum channel channel, const char *account, bool paused)
{
    if (account == NULL)
    {
        head(buf, "herald_account_paused", "gauge", "1 while an account is paused.");
        return;
    }
    buf_printf(buf, "herald_account_paused{channel=\"%s\",account=\"%s\"} %d\n",
               channel_name(channel), account, paused ? 1 : 0);
}

static void
write_counter(struct buf *buf, const char *name, const char *help, uint64_t value)
{
    head(buf, name, "counter", help);
    buf_printf(buf, "%s %" PRIu64 "\n", name, value);
}

static void
write_gauge(struct buf *buf, const char *name, const char *help, int64_t value)
{
    head(buf, name, "gauge", help);
    buf_printf(buf, "%s %" PRId64 "\n", name, value);
}

/* Descriptors of this process; -1 where there is no /proc. */
static int64_t
open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    /* Not counted: the folder itself, "." and "..". */
    int64_t count = -3;

    if (folder == NULL)
    {
        return -1;
    }
    while (readdir(folder) != NULL)
    {
        count++;
    }
    closedir(folder);
    return count;
}

void
metrics_write(const struct metrics *metrics, const struct metrics_gauges *gauges, struct buf *buf)
{
    write_gauge(buf, "herald_ready", "1 when deliveries can be claimed and recorded.",
                gauges->ready ? 1 : 0);
    write_gauge(buf, "herald_armed", "1 when dispatchers deliver from this database.",
                gauges->armed ? 1 : 0);
    write_gauge(buf, "herald_in_flight", "Requests in flight.", gauges->in_flight);
    write_gauge(buf, "herald_queued", "Claimed deliveries that wait for a slot.", gauges->queued);
    write_gauge(buf, "herald_pending_results", "Results not yet recorded.", gauges->pending);
    write_gauge(buf, "herald_accounts", "Accounts in use.", gauges->accounts);
    write_gauge(buf, "herald_paused_accounts", "Accounts that are paused.", gauges->paused);
    write_gauge(buf, "herald_broken_accounts", "Accounts whose configuration cannot be used.",
                gauges->broken);
    write_gauge(buf, "herald_open_files", "Descriptors in use.", open_files());
    write_counter(buf, "herald_session_losses_total", "Database sessions lost.",
                  (uint64_t) gauges->session_losses);
    write_counter(buf, "herald_claimed_total", "Deliveries claimed.", metrics->claimed);
    write_counter(buf, "herald_recorded_total", "Results recorded.", metrics->recorded);
    write_counter(buf, "herald_stale_total",
                  "Results refused because the claim had been given to others.", metrics->stale);
    write_counter(buf, "herald_repeated_total",
                  "Results recorded before by a call whose answer was lost.", metrics->repeated);
    write_counter(buf, "herald_epochs_lost_total",
                  "Times that others took all claims of this dispatcher.", metrics->epochs_lost);
    write_db_errors(metrics, buf);
    write_backlog(metrics, buf);
    write_health(metrics, buf);
    write_attempts(metrics, buf);
    head(buf, "herald_claim_seconds", "histogram", "Duration of claims.");
    write_histogram(buf, "herald_claim_seconds", "", &metrics->claims);
    head(buf, "herald_record_seconds", "histogram", "Duration of records.");
    write_histogram(buf, "herald_record_seconds", "", &metrics->records);
    head(buf, "herald_queue_wait_seconds", "histogram", "Time from claim to request.");
    write_histogram(buf, "herald_queue_wait_seconds", "", &metrics->waits);
}
