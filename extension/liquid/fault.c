/* Error details, and the nearest known name for a mistyped one. */
#include "fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "template.h"
#include "utf8.h"

enum
{
    SHORT_NAME = 6 /* in a shorter name two mistakes are another name */
};

/* Cut what a truncated format or quotation left of a character. */
static void
repair(char *message)
{
    size_t from = 0;
    size_t to = 0;
    size_t len = strlen(message);

    while (from < len)
    {
        size_t size = 1;

        while (size <= LQ_UTF8_MAX && from + size <= len &&
               !lq_utf8_valid((struct lq_str){ message + from, size }))
            size++;
        if (size > LQ_UTF8_MAX || from + size > len)
        {
            from++;
            continue;
        }
        memmove(message + to, message + from, size);
        from += size;
        to += size;
    }
    message[to] = '\0';
}

bool
lq_fault_set(struct lq_fault *fault, enum lq_code code, size_t at, const char *format, ...)
{
    va_list args;

    if (fault->code != LQ_OK)
        return false;
    fault->code = code;
    fault->at = at;
    va_start(args, format);
    (void) vsnprintf(fault->message, sizeof(fault->message), format, args);
    va_end(args);
    repair(fault->message);
    return false;
}

bool
lq_fault_memory(struct lq_fault *fault)
{
    return lq_fault_set(fault, LQ_ERR_NOMEM, SIZE_MAX, "out of memory");
}

bool
lq_fault_inside(struct lq_fault *fault, const struct lq_partial *partial)
{
    if (fault->placed || fault->at == SIZE_MAX)
        return false;
    fault->partial = partial;
    fault->placed = true;
    return false;
}

/* The name of the partial, as much of it as there is room for. */
static void
report_partial(const struct lq_partial *partial, struct lq_error *ret)
{
    (void) snprintf(ret->partial, sizeof(ret->partial), "%.*s", (int) partial->name.len,
                    partial->name.data);
    repair(ret->partial);
}

void
lq_fault_report(const struct lq_fault *fault, struct lq_str source, struct lq_error *ret)
{
    size_t line_start = 0;

    if (ret == NULL)
        return;
    *ret = (struct lq_error){ .code = fault->code };
    memcpy(ret->message, fault->message, sizeof(ret->message));
    if (fault->partial != NULL)
    {
        report_partial(fault->partial, ret);
        source = fault->partial->source;
    }
    if (fault->at == SIZE_MAX || fault->at > source.len)
        return;
    ret->line = 1;
    for (size_t i = 0; i < fault->at; i++)
    {
        if (source.data[i] != '\n')
            continue;
        ret->line++;
        line_start = i + 1;
    }
    ret->column = 1 + (uint32_t) lq_utf8_count(
                          (struct lq_str){ source.data + line_start, fault->at - line_start });
}

static unsigned
smallest(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;

    return least < c ? least : c;
}

/* Edit distance, a swap of neighbours counting as one. */
static unsigned
distance(struct lq_str a, struct lq_str b)
{
    unsigned rows[3][LQ_NEAREST_MAX + 1];
    unsigned *before = rows[0];
    unsigned *last = rows[1];
    unsigned *row = rows[2];

    for (unsigned j = 0; j <= b.len; j++)
        last[j] = j;
    for (unsigned i = 1; i <= a.len; i++)
    {
        unsigned *spare = before;

        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++)
        {
            row[j] = smallest(last[j] + 1, row[j - 1] + 1,
                              last[j - 1] + (a.data[i - 1] != b.data[j - 1]));
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] &&
                a.data[i - 2] == b.data[j - 1] && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        before = last;
        last = row;
        row = spare;
    }
    return last[b.len];
}

void
lq_nearest_init(struct lq_nearest *nearest, struct lq_str name)
{
    *nearest = (struct lq_nearest){ .name = name,
                                    .best = { "", 0 },
                                    .distance = name.len < SHORT_NAME ? 2 : 3 };
}

bool
lq_nearest_offer(struct lq_nearest *nearest, struct lq_str known)
{
    struct lq_str name = nearest->name;
    unsigned found;

    if (nearest->offers == LQ_OFFERS_MAX || name.len > LQ_NEAREST_MAX || known.len > LQ_NEAREST_MAX)
        return false;
    nearest->offers++;
    found = distance(name, known);
    if (found >= nearest->distance || found >= name.len)
        return false;
    nearest->best = known;
    nearest->distance = found;
    return true;
}

bool
lq_fault_unknown(struct lq_fault *fault, enum lq_code code, size_t at, const char *what,
                 const struct lq_nearest *nearest)
{
    if (nearest->best.len > 0)
        return lq_fault_set(fault, code, at, "unknown %s \"%.*s\", did you mean \"%.*s\"?", what,
                            LQ_QUOTE(nearest->name), LQ_QUOTE(nearest->best));
    return lq_fault_set(fault, code, at, "unknown %s \"%.*s\"", what, LQ_QUOTE(nearest->name));
}
