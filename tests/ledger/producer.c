/*
 * Sends numbered messages and notes, before and after, what it was told about each.
 *
 *   producer CONNINFO DIR COUNT RATE SEED PROCESSES
 *
 * ends when COUNT messages are acknowledged. RATE: messages a second, all together; 0: no limit.
 * DIR/intents.N gets lines for COPY: event, message, ns (monotonic), channel, category, address,
 * hash, code. Events: I intended (with hash), A commit confirmed, U commit without an answer,
 * R rolled back, E refused, X a key used again for other content was refused as it should be,
 * W it was not. DIR/progress holds the number acknowledged so far, 8 bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/crypto.h"

enum
{
    RECIPIENTS = 1000,
    GROUP_MAX = 50,
    LINES_MAX = 32768,
    RECONNECT_MS = 20
};

struct shared
{
    _Atomic int64_t acked;
    _Atomic int64_t next;
};

struct message
{
    int64_t number;
    char channel[8];
    char category[8]; /* "": none */
    char recipient[32];
    char address[32];
    char data[1024];
    char content[1024]; /* as it shall arrive */
    char key[24];
};

struct producer
{
    const char *conninfo;
    int64_t count;
    int64_t seed;
    double interval_ns; /* between two messages of this process; 0: none */
    double due_ns;
    struct shared *shared;
    PGconn *conn;
    int log;
    char lines[LINES_MAX];
    size_t len;
};

static int64_t
now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

static void
sleep_ns(int64_t ns)
{
    struct timespec left = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

    nanosleep(&left, NULL);
}

/* A number that depends on seed, message and purpose alone. */
static uint64_t
dice(const struct producer *producer, int64_t number, const char *purpose)
{
    char text[96];
    uint8_t digest[32];
    uint64_t ret;
    int len =
        snprintf(text, sizeof(text), "%" PRId64 " %" PRId64 " %s", producer->seed, number, purpose);

    crypto_sha256(text, (size_t) len, digest);
    memcpy(&ret, digest, sizeof(ret));
    return ret;
}

/* ---- log ---- */

static void
flush(struct producer *producer)
{
    if (producer->len > 0 &&
        write(producer->log, producer->lines, producer->len) != (ssize_t) producer->len)
    {
        perror("producer: log");
        _exit(1);
    }
    producer->len = 0;
}

static void
note(struct producer *producer, char event, const struct message *m, const char *code)
{
    char hash[65] = "\\N";
    uint8_t digest[32];

    if (event == 'I')
    {
        crypto_sha256(m->content, strlen(m->content), digest);
        for (size_t i = 0; i < sizeof(digest); i++)
        {
            snprintf(hash + 2 * i, 3, "%02x", digest[i]);
        }
    }
    if (producer->len + 512 > LINES_MAX)
    {
        flush(producer);
    }
    producer->len += (size_t) snprintf(
        producer->lines + producer->len, 512, "%c\t%" PRId64 "\t%" PRId64 "\t%s\t%s\t%s\t%s\t%s\n",
        event, m->number, now_ns(), m->channel, m->category[0] != '\0' ? m->category : "\\N",
        m->address, hash, code != NULL ? code : "\\N");
    if (event == 'A')
    {
        atomic_fetch_add(&producer->shared->acked, 1);
    }
}

static void
note_all(struct producer *producer, char event, const struct message *messages, int count,
         const char *code)
{
    for (int i = 0; i < count; i++)
    {
        note(producer, event, &messages[i], code);
    }
    flush(producer);
}

/* ---- messages ---- */

/* Words of several lengths and alphabets; nothing that JSON would have to escape. */
static void
make_text(const struct producer *producer, int64_t number, char *text, size_t size)
{
    static const char *const words[] = { "parcel", "order",   "Grüße", "été", "счёт", "注文",
                                         "ready",  "invoice", "Ωμέγα", "🚚",   "code", "at" };
    uint64_t bits = dice(producer, number, "text");
    int count = 1 + (int) (bits % 24);
    size_t len = (size_t) snprintf(text, size, "ledger:%" PRId64, number);

    for (int i = 0; i < count && len + 16 < size; i++)
    {
        bits = bits * 6364136223846793005u + 1442695040888963407u;
        len += (size_t) snprintf(text + len, size - len, " %s",
                                 words[(bits >> 33) % (sizeof(words) / sizeof(words[0]))]);
    }
}

static void
make_message(const struct producer *producer, int64_t number, struct message *ret)
{
    uint64_t kind = dice(producer, number, "kind") % 100;
    int recipient = (int) (dice(producer, number, "recipient") % RECIPIENTS);
    bool sms = kind < 20;
    char text[512];

    memset(ret, 0, sizeof(*ret));
    ret->number = number;
    make_text(producer, number, text, sizeof(text));
    snprintf(ret->recipient, sizeof(ret->recipient), "ledger-%d", recipient);
    snprintf(ret->key, sizeof(ret->key), "k%" PRId64, number);
    snprintf(ret->channel, sizeof(ret->channel), sms ? "sms" : "webhook");
    snprintf(ret->category, sizeof(ret->category), kind % 20 == 19 ? "once" : "");
    snprintf(ret->data, sizeof(ret->data), "{\"text\":\"%s\"}", text);
    if (sms)
    {
        snprintf(ret->address, sizeof(ret->address), "+1500555%04d", 1000 + recipient);
        snprintf(ret->content, sizeof(ret->content), "%s", text);
    }
    else
    {
        snprintf(ret->address, sizeof(ret->address), "%s", ret->recipient);
        snprintf(ret->content, sizeof(ret->content), "{\"text\":\"%s\"}", text);
    }
}

/* ---- database ---- */

static void
reconnect(struct producer *producer)
{
    for (;;)
    {
        PQfinish(producer->conn);
        producer->conn = PQconnectdb(producer->conninfo);
        if (PQstatus(producer->conn) == CONNECTION_OK)
        {
            return;
        }
        sleep_ns((int64_t) RECONNECT_MS * 1000000);
    }
}

static PGresult *
send_message(struct producer *producer, const struct message *m)
{
    const char *params[] = { m->recipient, m->data, m->channel,
                             m->category[0] != '\0' ? m->category : NULL, m->key };

    return PQexecParams(producer->conn,
                        "select herald.notify_send('ledger', $1, $2::jsonb, array[$3],"
                        " category => $4, idempotency_key => $5)",
                        5, NULL, params, NULL, NULL, 0);
}

/* Run a command; the SQLSTATE ("" when there is none) goes to code. */
static bool
done(PGresult *result, char code[8])
{
    ExecStatusType status = PQresultStatus(result);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    snprintf(code, 8, "%s", state != NULL ? state : "");
    PQclear(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

static bool
command(struct producer *producer, const char *sql, char code[8])
{
    return done(PQexec(producer->conn, sql), code);
}

/* What COMMIT came to: A, U, or R when the server says that it rolled back. */
static char
commit(struct producer *producer, char code[8])
{
    PGresult *result = PQexec(producer->conn, "commit");
    bool rolled_back = strcmp(PQcmdStatus(result), "ROLLBACK") == 0;

    if (!done(result, code))
    {
        return 'U';
    }
    return rolled_back ? 'R' : 'A';
}

/* One statement that is its own transaction. */
static char
run_single(struct producer *producer, const struct message *m, char code[8])
{
    if (done(send_message(producer, m), code))
    {
        return 'A';
    }
    return PQstatus(producer->conn) == CONNECTION_OK && code[0] != '\0' ? 'E' : 'U';
}

/* All in one transaction, each in a savepoint when asked for. Lost before COMMIT is rolled back. */
static char
run_group(struct producer *producer, const struct message *messages, int count, bool savepoints,
          char code[8])
{
    bool ok = command(producer, "begin", code);

    for (int i = 0; ok && i < count; i++)
    {
        ok = (!savepoints || command(producer, "savepoint s", code)) &&
             done(send_message(producer, &messages[i]), code) &&
             (!savepoints || command(producer, "release s", code));
    }
    if (ok)
    {
        return commit(producer, code);
    }
    if (PQstatus(producer->conn) == CONNECTION_OK)
    {
        char ignored[8];

        command(producer, "rollback", ignored);
    }
    return 'R';
}

/* ---- shapes of transactions ---- */

/*
 * Intend, send, note. What is in doubt is sent again with the same key half of the time, what a
 * fault rolled back as well. Returns what it came to.
 */
static char
send_group(struct producer *producer, const struct message *messages, int count, bool savepoints)
{
    char code[8];
    bool again = dice(producer, messages[0].number, "again") % 2 == 0;
    char event;

    note_all(producer, 'I', messages, count, NULL);
    do
    {
        event = count == 1 && !savepoints ? run_single(producer, messages, code)
                                          : run_group(producer, messages, count, savepoints, code);
        note_all(producer, event, messages, count, code);
        if (PQstatus(producer->conn) != CONNECTION_OK)
        {
            reconnect(producer);
        }
    } while (again && (event == 'U' || event == 'R'));
    return event;
}

/* Rolled back on purpose: all of it, or the second message to a savepoint. */
static void
send_rolled_back(struct producer *producer, const struct message *m, bool whole)
{
    char code[8];

    note_all(producer, 'I', m, 1, NULL);
    if (whole && command(producer, "begin", code) && done(send_message(producer, m), code))
    {
        command(producer, "rollback", code);
    }
    else if (!whole && command(producer, "begin", code) && command(producer, "savepoint s", code) &&
             done(send_message(producer, m), code) && command(producer, "rollback to s", code))
    {
        command(producer, "commit", code);
    }
    note_all(producer, 'R', m, 1, "planned");
    if (PQstatus(producer->conn) != CONNECTION_OK ||
        PQtransactionStatus(producer->conn) != PQTRANS_IDLE)
    {
        reconnect(producer);
    }
}

/* To nobody: must be refused. */
static void
send_refused(struct producer *producer, struct message *m)
{
    char code[8];
    char event;

    snprintf(m->recipient, sizeof(m->recipient), "nobody-%" PRId64, m->number);
    note_all(producer, 'I', m, 1, NULL);
    event = run_single(producer, m, code);
    note_all(producer, event, m, 1, code);
    if (PQstatus(producer->conn) != CONNECTION_OK)
    {
        reconnect(producer);
    }
}

/* The key of a message that went through, with other content. */
static void
reuse_key(struct producer *producer, const struct message *m)
{
    struct message other = *m;
    char code[8];
    char event;

    snprintf(other.data, sizeof(other.data), "{\"text\":\"ledger:%" PRId64 " other\"}", m->number);
    event = run_single(producer, &other, code);
    if (event == 'E' && strcmp(code, "23505") == 0)
    {
        note_all(producer, 'X', &other, 1, code);
    }
    else if (event == 'A')
    {
        note(producer, 'W', &other, code);
        flush(producer);
    }
    if (PQstatus(producer->conn) != CONNECTION_OK)
    {
        reconnect(producer);
    }
}

/* Keep the rate, without catching up more than a second. */
static void
pace(struct producer *producer, int count)
{
    double now = (double) now_ns();

    if (producer->interval_ns == 0)
    {
        return;
    }
    if (producer->due_ns < now - 1e9)
    {
        producer->due_ns = now - 1e9;
    }
    if (producer->due_ns > now)
    {
        sleep_ns((int64_t) (producer->due_ns - now));
    }
    producer->due_ns += producer->interval_ns * count;
}

static int
take(struct producer *producer, struct message *ret, int count)
{
    int64_t first = atomic_fetch_add(&producer->shared->next, count);

    for (int i = 0; i < count; i++)
    {
        make_message(producer, first + i, &ret[i]);
    }
    pace(producer, count);
    return count;
}

static void
step(struct producer *producer, struct message *messages)
{
    int64_t number;
    uint64_t shape;

    take(producer, messages, 1);
    number = messages[0].number;
    shape = dice(producer, number, "shape") % 1000;
    if (shape < 10)
    {
        send_rolled_back(producer, messages, shape % 2 == 0);
    }
    else if (shape < 12)
    {
        send_refused(producer, messages);
    }
    else if (shape < 26)
    {
        int more = 1 + (int) (dice(producer, number, "group") % (GROUP_MAX - 1));

        send_group(producer, messages, 1 + take(producer, messages + 1, more), false);
    }
    else if (shape < 226)
    {
        send_group(producer, messages, 1, true);
    }
    else
    {
        char event = send_group(producer, messages, 1, false);

        /* What is in doubt may not be there, and then its key is free. */
        if (event == 'A' && shape < 236)
        {
            reuse_key(producer, messages);
        }
    }
}

static void
produce(struct producer *producer, const char *dir, int index)
{
    struct message *messages = calloc(GROUP_MAX, sizeof(*messages));
    char path[4096];

    snprintf(path, sizeof(path), "%s/intents.%d", dir, index);
    producer->log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (producer->log < 0 || messages == NULL)
    {
        perror("producer");
        _exit(1);
    }
    producer->due_ns = (double) now_ns();
    reconnect(producer);
    while (atomic_load(&producer->shared->acked) < producer->count)
    {
        step(producer, messages);
    }
    PQfinish(producer->conn);
    free(messages);
}

static struct shared *
map_progress(const char *dir)
{
    char path[4096];
    int fd;
    void *map;

    snprintf(path, sizeof(path), "%s/progress", dir);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(struct shared)) != 0)
    {
        return NULL;
    }
    map = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return map == MAP_FAILED ? NULL : map;
}

int
main(int argc, char **argv)
{
    struct producer producer = { 0 };
    int processes;
    int64_t rate;
    int status = 0;
    int child;

    if (argc != 7)
    {
        fprintf(stderr, "usage: %s CONNINFO DIR COUNT RATE SEED PROCESSES\n", argv[0]);
        return 2;
    }
    processes = (int) strtol(argv[6], NULL, 10);
    rate = strtoll(argv[4], NULL, 10);
    producer.conninfo = argv[1];
    producer.count = strtoll(argv[3], NULL, 10);
    producer.seed = strtoll(argv[5], NULL, 10);
    producer.interval_ns = rate > 0 ? 1e9 * processes / (double) rate : 0;
    producer.shared = map_progress(argv[2]);
    if (producer.shared == NULL)
    {
        perror("producer: progress");
        return EXIT_FAILURE;
    }
    atomic_store(&producer.shared->next, 1);
    for (int i = 0; i < processes; i++)
    {
        pid_t pid = fork();

        if (pid == 0)
        {
            produce(&producer, argv[2], i);
            _exit(0);
        }
        if (pid < 0)
        {
            perror("producer: fork");
            return EXIT_FAILURE;
        }
    }
    while (wait(&child) > 0)
    {
        status = child != 0 ? EXIT_FAILURE : status;
    }
    return status;
}
