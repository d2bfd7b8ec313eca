/* Lines for COPY, and a fault plan that is a pure function. */
#include "sandbox/witness.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/crypto.h"
#include "core/mem.h"
#include "sandbox/idmap.h"

#define MARK "ledger:"
#define MARKS_MAX 8000000
#define LINES_BYTES_MAX ((size_t) 64 * 1024 * 1024)

/* How many of ten thousand requests, and what happens to them. */
static const struct planned
{
    unsigned share;
    struct fault fault;
} plan[] = {
    { 200, { .kind = FAULT_STATUS, .status = 500, .name = "plan-500" } },
    { 100, { .kind = FAULT_STATUS, .status = 429, .name = "plan-429" } },
    { 50, { .kind = FAULT_HANG, .name = "plan-hang" } },
    { 45, { .kind = FAULT_STREAM_ERROR, .accept = true, .name = "plan-lost" } },
    { 5, { .kind = FAULT_LOST, .name = "plan-reset" } },
    { 20, { .kind = FAULT_PARTIAL, .name = "plan-partial" } },
    { 10, { .kind = FAULT_DELAY, .body = "<not json", .name = "plan-garbage" } },
    { 10,
      { .kind = FAULT_DELAY,
        .body = "{\"sid\":\"SM\\u0000\xff\xfe\",\"id\":\"\\u0000\xc3\x28\"}",
        .name = "plan-bad-id" } },
};

struct witness
{
    int fd; /* -1: no record */
    struct buf lines;
    struct idmap *counts;
    bool misbehave;
    int64_t seed;
};

struct witness *
witness_create(const char *path, bool misbehave, int64_t seed, const char **reterr)
{
    struct witness *witness = mem_alloc(sizeof(*witness));

    witness->fd = -1;
    witness->misbehave = misbehave;
    witness->seed = seed;
    witness->counts = idmap_create(MARKS_MAX);
    buf_init(&witness->lines, LINES_BYTES_MAX);
    if (path != NULL)
    {
        witness->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (witness->fd < 0)
        {
            *reterr = strerror(errno);
            witness_destroy(witness);
            return NULL;
        }
    }
    return witness;
}

void
witness_destroy(struct witness *witness)
{
    if (witness == NULL)
    {
        return;
    }
    witness_flush(witness);
    if (witness->fd >= 0)
    {
        close(witness->fd);
    }
    buf_finish(&witness->lines);
    idmap_destroy(witness->counts);
    free(witness);
}

/* ---- looking ---- */

static const char *
find_mark(const struct sighting *sighting, struct arena *arena)
{
    const char *at = sighting->content == NULL
                         ? NULL
                         : memmem(sighting->content, sighting->content_len, MARK, strlen(MARK));
    size_t left;
    size_t len = 0;

    if (at == NULL)
    {
        return NULL;
    }
    at += strlen(MARK);
    left = sighting->content_len - (size_t) (at - sighting->content);
    while (len < left && at[len] >= '0' && at[len] <= '9')
    {
        len++;
    }
    return len > 0 && len < 20 ? arena_strndup(arena, at, len) : NULL;
}

void
witness_see(struct witness *witness, const struct sandbox_double *owner,
            const struct double_request *request, const char *id, struct arena *arena,
            struct sighting *ret)
{
    struct rendered rendered = { 0 };
    struct idmap_entry *entry = NULL;
    bool fresh;

    *ret = (struct sighting){ 0 };
    if (owner->render != NULL)
    {
        owner->render(request, arena, &rendered);
    }
    ret->content = rendered.content != NULL ? rendered.content : rendered.text;
    ret->content_len = ret->content != NULL ? strlen(ret->content) : 0;
    ret->mark = find_mark(ret, arena);
    if (ret->mark != NULL || id != NULL)
    {
        entry =
            idmap_enter(witness->counts, owner->name, ret->mark != NULL ? ret->mark : id, &fresh);
    }
    ret->number = entry != NULL ? ++entry->count : 0;
}

struct fault
witness_fault(const struct witness *witness, const struct sighting *sighting, const char *id)
{
    const char *key = sighting->mark != NULL ? sighting->mark : id;
    char text[256];
    uint8_t digest[32];
    unsigned dice;
    int len;

    if (!witness->misbehave || sighting->number == 0)
    {
        return (struct fault){ 0 };
    }
    len = snprintf(text, sizeof(text), "%" PRId64 " %.128s %" PRIu64, witness->seed, key,
                   sighting->number);
    crypto_sha256(text, (size_t) len, digest);
    dice = ((unsigned) digest[0] << 16 | (unsigned) digest[1] << 8 | digest[2]) % 10000;
    for (size_t i = 0; i < sizeof(plan) / sizeof(plan[0]); i++)
    {
        if (dice < plan[i].share)
        {
            return plan[i].fault;
        }
        dice -= plan[i].share;
    }
    return (struct fault){ 0 };
}

/* ---- writing ---- */

/* A field of COPY's text format; what would have to be escaped becomes "?". */
static void
put_field(struct buf *ret, const char *text)
{
    buf_putc(ret, '\t');
    if (text == NULL)
    {
        buf_puts(ret, "\\N");
        return;
    }
    for (; *text != '\0'; text++)
    {
        buf_putc(ret, (unsigned char) *text < ' ' || *text == '\\' || *text >= 0x7f ? '?' : *text);
    }
}

static void
put_hash(struct buf *ret, const struct sighting *sighting)
{
    uint8_t digest[32];

    if (sighting->content == NULL)
    {
        put_field(ret, NULL);
        return;
    }
    buf_putc(ret, '\t');
    crypto_sha256(sighting->content, sighting->content_len, digest);
    for (size_t i = 0; i < sizeof(digest); i++)
    {
        buf_printf(ret, "%02x", digest[i]);
    }
}

void
witness_write(struct witness *witness, const struct ledger_entry *entry,
              const struct sighting *sighting)
{
    static const char *const decisions[] = { "accept", "refuse", "fault" };
    struct buf *lines = &witness->lines;
    struct timespec now;

    if (witness->fd < 0)
    {
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    buf_printf(lines, "%" PRIu64 "\t%lld\t%" PRIu64 "\t%" PRId64, entry->seq,
               (long long) now.tv_sec * 1000000000 + now.tv_nsec, entry->conn, entry->stream);
    put_field(lines, entry->provider);
    put_field(lines, sighting->mark);
    buf_printf(lines, "\t%" PRIu64, sighting->number);
    put_field(lines, entry->id);
    put_field(lines, entry->address);
    put_hash(lines, sighting);
    /* A fault that executes is an acceptance: the message is out. */
    put_field(lines, entry->executed ? decisions[0] : decisions[entry->decision]);
    put_field(lines, entry->fault != NULL ? entry->fault : entry->violation);
    put_field(lines, entry->status > 0 ? "answered" : "unanswered");
    buf_putc(lines, '\n');
}

bool
witness_flush(struct witness *witness)
{
    size_t done = 0;

    if (witness == NULL || witness->fd < 0)
    {
        return true;
    }
    while (done < witness->lines.len)
    {
        ssize_t put = write(witness->fd, witness->lines.data + done, witness->lines.len - done);

        if (put < 0 && errno == EINTR)
        {
            continue;
        }
        if (put <= 0)
        {
            return false;
        }
        done += (size_t) put;
    }
    if (witness->lines.overflow)
    {
        errno = ENOBUFS;
        return false;
    }
    buf_reset(&witness->lines);
    return true;
}
