/* The ring of records, the counters, and their JSON. */
#include "sandbox/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/crypto.h"
#include "core/mem.h"
#include "sandbox/files.h"
#include "sandbox/text.h"

#define LOG_BYTES_MAX ((size_t) 256 * 1024 * 1024)
#define DOUBLES_MAX 32

/* One record; everything it points to lies behind it in the same allocation. */
struct record
{
    struct ledger_entry entry;
    struct double_request request;
    size_t bytes;
};

struct ledger
{
    struct record **ring;
    size_t size;
    size_t count;
    size_t next; /* slot of the next record */
    size_t bytes;
    uint64_t seq;
    enum ledger_log log;
    int log_fd;
    struct buf log_buf;
    struct ledger_count counts[DOUBLES_MAX];
    struct ledger_count none; /* requests to no double */
};

struct ledger *
ledger_create(size_t records, enum ledger_log log, const char *path, const char **reterr)
{
    struct ledger *ledger = mem_alloc(sizeof(*ledger));

    ledger->size = records > 0 ? records : 1;
    ledger->ring = mem_alloc(ledger->size * sizeof(struct record *));
    ledger->log = path != NULL ? log : LEDGER_LOG_NONE;
    ledger->log_fd = -1;
    buf_init(&ledger->log_buf, LOG_BYTES_MAX);
    if (ledger->log != LEDGER_LOG_NONE)
    {
        ledger->log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (ledger->log_fd < 0)
        {
            *reterr = strerror(errno);
            ledger_destroy(ledger);
            return NULL;
        }
    }
    return ledger;
}

static void
drop(struct ledger *ledger, size_t slot)
{
    struct record *record = ledger->ring[slot];

    if (record == NULL)
    {
        return;
    }
    ledger->bytes -= record->bytes;
    ledger->count--;
    free(record);
    ledger->ring[slot] = NULL;
}

void
ledger_destroy(struct ledger *ledger)
{
    if (ledger == NULL)
    {
        return;
    }
    ledger_flush(ledger);
    for (size_t i = 0; i < ledger->size; i++)
    {
        free(ledger->ring[i]);
    }
    if (ledger->log_fd >= 0)
    {
        close(ledger->log_fd);
    }
    buf_finish(&ledger->log_buf);
    free(ledger->ring);
    free(ledger);
}

void
ledger_reset(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->size; i++)
    {
        drop(ledger, i);
    }
    memset(ledger->counts, 0, sizeof(ledger->counts));
    memset(&ledger->none, 0, sizeof(ledger->none));
}

/* ---- copying ---- */

static size_t
text_size(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

static size_t
record_size(const struct ledger_entry *entry)
{
    const struct double_request *request = entry->request;
    size_t size = sizeof(struct record) + request->header_count * sizeof(struct field) +
                  text_size(entry->violation) + text_size(entry->fault) +
                  text_size(entry->address) + text_size(entry->id) + text_size(entry->plaintext) +
                  text_size(request->method) + text_size(request->path) +
                  text_size(request->query) + text_size(request->authority) + request->body_len + 1;

    for (size_t i = 0; i < request->header_count; i++)
    {
        size += text_size(request->headers[i].name) + text_size(request->headers[i].value);
    }
    return size;
}

/* Copy a text to *at, which moves on. */
static const char *
copy_text(char **at, const char *text)
{
    char *start = *at;
    size_t size = text_size(text);

    if (text == NULL)
    {
        return NULL;
    }
    memcpy(start, text, size);
    *at += size;
    return start;
}

static struct record *
record_new(const struct ledger_entry *entry)
{
    const struct double_request *request = entry->request;
    size_t size = record_size(entry);
    struct record *record = mem_alloc(size);
    struct field *headers = (struct field *) (void *) (record + 1);
    char *at = (char *) (headers + request->header_count);

    record->bytes = size;
    record->entry = *entry;
    record->entry.request = &record->request;
    record->entry.violation = copy_text(&at, entry->violation);
    record->entry.fault = copy_text(&at, entry->fault);
    record->entry.address = copy_text(&at, entry->address);
    record->entry.id = copy_text(&at, entry->id);
    record->entry.plaintext = copy_text(&at, entry->plaintext);
    record->request = *request;
    record->request.method = copy_text(&at, request->method);
    record->request.path = copy_text(&at, request->path);
    record->request.query = copy_text(&at, request->query);
    record->request.authority = copy_text(&at, request->authority);
    record->request.headers = headers;
    for (size_t i = 0; i < request->header_count; i++)
    {
        headers[i].name = copy_text(&at, request->headers[i].name);
        headers[i].value = copy_text(&at, request->headers[i].value);
    }
    if (request->body_len > 0)
    {
        memcpy(at, request->body, request->body_len);
    }
    record->request.body = at;
    return record;
}

/* ---- counting ---- */

static struct ledger_count *
count_of(struct ledger *ledger, const char *provider)
{
    for (size_t i = 0; double_registry[i] != NULL && i < DOUBLES_MAX; i++)
    {
        if (strcmp(double_registry[i]->name, provider) == 0)
        {
            return &ledger->counts[i];
        }
    }
    return &ledger->none;
}

static void
count_times(struct ledger_count *count, size_t body_bytes, int64_t wall_us)
{
    count->requests++;
    count->body_bytes += body_bytes;
    count->last_us = wall_us;
    if (count->first_us == 0)
    {
        count->first_us = wall_us;
    }
}

void
ledger_count_fast(struct ledger *ledger, size_t double_index, size_t body_bytes, int64_t wall_us)
{
    struct ledger_count *count = &ledger->counts[double_index];

    count_times(count, body_bytes, wall_us);
    count->accepted++;
    count->executed++;
}

static void
count_entry(struct ledger *ledger, const struct ledger_entry *entry)
{
    struct ledger_count *count = count_of(ledger, entry->provider);

    count_times(count, entry->request->body_len, entry->wall_us);
    count->accepted += entry->decision == DECISION_ACCEPT;
    count->refused += entry->decision == DECISION_REFUSE;
    count->faults += entry->decision == DECISION_FAULT;
    count->executed += entry->executed;
    count->violations += entry->violation != NULL;
}

/* ---- JSON ---- */

static const char *
decision_name(enum decision decision)
{
    static const char *const names[] = { "accept", "refuse", "fault" };

    return names[decision];
}

static void
print_member(struct buf *ret, const char *name, const char *value)
{
    buf_printf(ret, ",\"%s\":", name);
    text_append_json_string(ret, value);
}

static void
print_body(struct buf *ret, const struct double_request *request)
{
    struct arena *arena;

    if (text_is_utf8(request->body, request->body_len))
    {
        buf_puts(ret, ",\"body\":");
        text_append_json(ret, request->body, request->body_len);
        return;
    }
    arena = arena_create();
    buf_puts(ret, ",\"body_encoding\":\"base64\"");
    print_member(ret, "body", crypto_base64(arena, request->body, request->body_len));
    arena_destroy(arena);
}

static void
print_digest(struct buf *ret, const struct double_request *request)
{
    uint8_t digest[32];

    crypto_sha256(request->body, request->body_len, digest);
    buf_printf(ret, ",\"body_len\":%zu,\"body_sha256\":\"", request->body_len);
    for (size_t i = 0; i < sizeof(digest); i++)
    {
        buf_printf(ret, "%02x", digest[i]);
    }
    buf_putc(ret, '"');
}

static void
print_headers(struct buf *ret, const struct double_request *request)
{
    buf_puts(ret, ",\"headers\":[");
    for (size_t i = 0; i < request->header_count; i++)
    {
        buf_puts(ret, i > 0 ? ",[" : "[");
        text_append_json_string(ret, request->headers[i].name);
        buf_putc(ret, ',');
        text_append_json_string(ret, request->headers[i].value);
        buf_putc(ret, ']');
    }
    buf_putc(ret, ']');
}

/* All members of a record but "rendered" and the closing brace. */
static void
print_entry(struct buf *ret, const struct ledger_entry *entry, bool full)
{
    const struct double_request *request = entry->request;

    buf_printf(ret, "{\"seq\":%llu,\"time_us\":%lld,\"mono_us\":%lld,\"provider\":\"%s\"",
               (unsigned long long) entry->seq, (long long) entry->wall_us,
               (long long) entry->mono_us, entry->provider);
    buf_printf(ret, ",\"conn\":%llu,\"stream\":%lld,\"http2\":%s", (unsigned long long) entry->conn,
               (long long) entry->stream, request->http2 ? "true" : "false");
    print_member(ret, "method", request->method);
    print_member(ret, "path", request->path);
    if (request->query[0] != '\0')
    {
        print_member(ret, "query", request->query);
    }
    buf_printf(ret, ",\"status\":%d,\"decision\":\"%s\",\"executed\":%s", entry->status,
               decision_name(entry->decision), entry->executed ? "true" : "false");
    print_member(ret, "violation", entry->violation);
    print_member(ret, "fault", entry->fault);
    print_member(ret, "to", entry->address);
    print_member(ret, "id", entry->id);
    if (full)
    {
        print_member(ret, "authority", request->authority);
        print_headers(ret, request);
        print_body(ret, request);
    }
    else
    {
        print_digest(ret, request);
    }
}

static void
print_rendered(struct buf *ret, const struct ledger_entry *entry)
{
    const struct sandbox_double *owner = double_find_name(entry->provider);
    struct arena *arena = arena_create();
    struct rendered rendered = { 0 };

    if (owner != NULL && owner->render != NULL)
    {
        struct double_request opened = request_opened(entry->request, entry->plaintext);

        owner->render(&opened, arena, &rendered);
    }
    buf_puts(ret, ",\"rendered\":{\"from\":");
    text_append_json_string(ret, rendered.from);
    print_member(ret, "to", rendered.to);
    print_member(ret, "title", rendered.title);
    print_member(ret, "body", rendered.body);
    print_member(ret, "subject", rendered.subject);
    print_member(ret, "text", rendered.text);
    print_member(ret, "html", rendered.html);
    print_member(ret, "data", rendered.data);
    buf_puts(ret, ",\"files\":");
    files_print(ret, &rendered);
    buf_putc(ret, '}');
    arena_destroy(arena);
}

uint64_t
ledger_add(struct ledger *ledger, const struct ledger_entry *entry)
{
    struct record *record = record_new(entry);

    record->entry.seq = ++ledger->seq;
    drop(ledger, ledger->next);
    ledger->ring[ledger->next] = record;
    ledger->next = (ledger->next + 1) % ledger->size;
    ledger->count++;
    ledger->bytes += record->bytes;
    for (size_t at = ledger->next; ledger->bytes > LEDGER_BYTES_MAX && ledger->count > 1;
         at = (at + 1) % ledger->size)
    {
        drop(ledger, at);
    }
    count_entry(ledger, &record->entry);
    if (ledger->log != LEDGER_LOG_NONE)
    {
        print_entry(&ledger->log_buf, &record->entry, ledger->log == LEDGER_LOG_FULL);
        buf_puts(&ledger->log_buf, "}\n");
    }
    return ledger->seq;
}

bool
ledger_flush(struct ledger *ledger)
{
    size_t done = 0;

    while (done < ledger->log_buf.len)
    {
        ssize_t put =
            write(ledger->log_fd, ledger->log_buf.data + done, ledger->log_buf.len - done);

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
    buf_reset(&ledger->log_buf);
    return true;
}

uint64_t
ledger_last(const struct ledger *ledger)
{
    return ledger->seq;
}

void
ledger_print(const struct ledger *ledger, uint64_t after, size_t limit, struct buf *ret)
{
    size_t printed = 0;

    buf_putc(ret, '[');
    for (size_t i = 1; i <= ledger->size && printed < limit; i++)
    {
        const struct record *record =
            ledger->ring[(ledger->next + ledger->size - i) % ledger->size];

        if (record == NULL || record->entry.seq <= after)
        {
            break;
        }
        if (printed++ > 0)
        {
            buf_putc(ret, ',');
        }
        print_entry(ret, &record->entry, true);
        print_rendered(ret, &record->entry);
        buf_putc(ret, '}');
    }
    buf_putc(ret, ']');
}

static void
print_count(struct buf *ret, const char *name, const struct ledger_count *count)
{
    buf_printf(ret,
               "\"%s\":{\"requests\":%llu,\"accepted\":%llu,\"refused\":%llu,\"faults\":%llu,"
               "\"executed\":%llu,\"violations\":%llu,\"body_bytes\":%llu,\"first_us\":%lld,"
               "\"last_us\":%lld},",
               name, (unsigned long long) count->requests, (unsigned long long) count->accepted,
               (unsigned long long) count->refused, (unsigned long long) count->faults,
               (unsigned long long) count->executed, (unsigned long long) count->violations,
               (unsigned long long) count->body_bytes, (long long) count->first_us,
               (long long) count->last_us);
}

void
ledger_print_counts(const struct ledger *ledger, struct buf *ret)
{
    buf_putc(ret, '{');
    for (size_t i = 0; double_registry[i] != NULL && i < DOUBLES_MAX; i++)
    {
        print_count(ret, double_registry[i]->name, &ledger->counts[i]);
    }
    print_count(ret, "none", &ledger->none);
    buf_printf(ret, "\"seq\":%llu}", (unsigned long long) ledger->seq);
}
