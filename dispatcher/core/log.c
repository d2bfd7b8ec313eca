/* logfmt to standard error, one write(2) a line. */
#include "core/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/utf8.h"

/* A pipe takes this much in one piece, so lines of several processes do not mix. */
#define LOG_LINE_MAX 4096

struct log_line
{
    char data[LOG_LINE_MAX];
    size_t len;
};

static const char *const log_level_names[] = { "error", "warn", "info", "debug" };

static enum log_level log_ceiling = LOG_INFO;

void
log_set_level(enum log_level level)
{
    log_ceiling = level;
}

bool
log_level_from_name(const char *name, enum log_level *ret)
{
    for (size_t i = 0; i < sizeof(log_level_names) / sizeof(log_level_names[0]); i++)
    {
        if (strcmp(name, log_level_names[i]) == 0)
        {
            *ret = (enum log_level) i;
            return true;
        }
    }
    return false;
}

/* Append as much as leaves room for a closing quote, an ellipsis and the newline. */
static bool
log_put(struct log_line *line, const char *text, size_t len)
{
    if (line->len + len > LOG_LINE_MAX - 8)
    {
        return false;
    }
    memcpy(line->data + line->len, text, len);
    line->len += len;
    return true;
}

static bool
log_needs_quotes(const char *text)
{
    if (*text == '\0')
    {
        return true;
    }
    for (const char *p = text; *p != '\0'; p++)
    {
        unsigned char c = (unsigned char) *p;

        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f)
        {
            return true;
        }
    }
    return false;
}

/* Control, bidirectional and other invisible characters could forge or hide text in a terminal. */
static bool
log_is_hidden(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

/* One character at text, escaped as JSON would; returns how many bytes of text it took. */
static size_t
log_put_char(struct log_line *line, const char *text, bool *full)
{
    char out[12];
    int out_len;
    uint32_t c;
    size_t len = utf8_decode(text, strlen(text), &c);

    if (len == 0)
    {
        out_len = snprintf(out, sizeof(out), "\\x%02x", (unsigned char) *text);
        len = 1;
    }
    else if (c == '"' || c == '\\')
    {
        out_len = snprintf(out, sizeof(out), "\\%c", (char) c);
    }
    else if (c == '\n' || c == '\t' || c == '\r')
    {
        out_len = snprintf(out, sizeof(out), "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
    }
    else if (log_is_hidden(c))
    {
        out_len = snprintf(out, sizeof(out), "\\u%04x", (unsigned int) c);
    }
    else
    {
        *full = !log_put(line, text, len);
        return len;
    }
    *full = !log_put(line, out, (size_t) out_len);
    return len;
}

static void
log_put_value(struct log_line *line, const char *text)
{
    bool full = false;

    if (!log_needs_quotes(text))
    {
        if (log_put(line, text, strlen(text)))
        {
            return;
        }
    }
    if (!log_put(line, "\"", 1))
    {
        return;
    }
    while (*text != '\0' && !full)
    {
        text += log_put_char(line, text, &full);
    }
    if (full)
    {
        memcpy(line->data + line->len, "...", 3);
        line->len += 3;
    }
    line->data[line->len++] = '"';
}

static void
log_put_time(struct log_line *line)
{
    struct timespec now;
    struct tm tm;
    char text[48];
    int len;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    len = snprintf(text, sizeof(text), "ts=%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
                   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                   (int) (now.tv_nsec / 1000000));
    log_put(line, text, (size_t) len);
}

static void
log_put_pair(struct log_line *line, const char *key, const char *value)
{
    size_t start = line->len;

    if (!log_put(line, " ", 1) || !log_put(line, key, strlen(key)) || !log_put(line, "=", 1))
    {
        line->len = start;
        return;
    }
    log_put_value(line, value);
}

void
log_event(enum log_level level, const char *message, ...)
{
    struct log_line line = { .len = 0 };
    const char *key;
    va_list args;

    if (level > log_ceiling)
    {
        return;
    }
    log_put_time(&line);
    log_put_pair(&line, "level", log_level_names[level]);
    log_put_pair(&line, "msg", message);
    va_start(args, message);
    while ((key = va_arg(args, const char *)) != NULL)
    {
        const char *value = va_arg(args, const char *);

        if (value != NULL)
        {
            log_put_pair(&line, key, value);
        }
    }
    va_end(args);
    line.data[line.len++] = '\n';
    while (write(STDERR_FILENO, line.data, line.len) < 0 && errno == EINTR)
    {
    }
}

const char *
log_mask(const char *address)
{
    static char buffers[4][80];
    static unsigned int next;
    char *ret = buffers[next++ % 4];
    const char *at = strrchr(address, '@');
    size_t len = strlen(address);
    size_t keep = 4;

    if (at != NULL && at > address)
    {
        keep = 1;
        snprintf(ret, sizeof(buffers[0]), "%.1s***%.64s", address, at);
    }
    else if (address[0] == '+' && len >= 8)
    {
        snprintf(ret, sizeof(buffers[0]), "%.3s***%s", address, address + len - 2);
    }
    else
    {
        /* A short text would be shown whole. */
        keep = len >= 8 ? keep : 0;
        snprintf(ret, sizeof(buffers[0]), "%.*s***", (int) keep, address);
    }
    return ret;
}
