/* What the fuzzers of the template engine share: an allocator that counts and can fail, options
 * made of bytes, and what holds for every result. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "liquid.h"
#include "liquid/heap.h"

enum
{
    FUZZ_SEPARATOR = 0xff, /* between parts of an input; never in UTF-8 */
    FUZZ_STEPS_MAX = 20000
};

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static inline void
fuzz_expect(bool condition, const char *what)
{
    if (condition)
        return;
    (void) fprintf(stderr, "violated: %s\n", what);
    abort();
}

static inline struct lq_str
fuzz_str(const char *text)
{
    return (struct lq_str){ text, strlen(text) };
}

/* The part of *rest before the next separator, which is taken off. */
static inline struct lq_str
fuzz_part(struct lq_str *rest)
{
    const char *end = rest->len == 0 ? NULL : memchr(rest->data, FUZZ_SEPARATOR, rest->len);
    struct lq_str part = *rest;

    if (end != NULL)
        part.len = (size_t) (end - part.data);
    rest->data += part.len + (end != NULL);
    rest->len -= part.len + (end != NULL);
    return part;
}

/* Options by the first byte, ceilings by the second one: the high ones or some that are low. */
static inline struct lq_options
fuzz_options(uint8_t choice, uint8_t low)
{
    static const enum lq_escape escapes[] = { LQ_ESCAPE_NONE, LQ_ESCAPE_HTML, LQ_ESCAPE_HEADER,
                                              LQ_ESCAPE_HEADERS };

    return (struct lq_options){
        .limits = { .source_bytes = 65536,
                    .nodes = (low & 1) != 0 ? 1U + low : 2000,
                    .depth = (low & 2) != 0 ? 1U + low / 16 : 40,
                    .steps = (low & 4) != 0 ? 1U + 4 * low : FUZZ_STEPS_MAX,
                    .output_bytes = (low & 8) != 0 ? 1U + 2 * low : 20000 },
        .strict = (choice & 1) != 0,
        .escape = escapes[choice >> 1 & 3],
        .utc_offset_s = (choice & 8) != 0 ? -12600 : 0,
        .now_us = (choice & 16) != 0 ? INT64_C(-1) : INT64_C(1700000000123456),
    };
}

/* Simple on purpose: another algorithm than the engine's. */
static inline bool
fuzz_is_utf8(struct lq_str text)
{
    const unsigned char *p = (const unsigned char *) text.data;
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };

    for (size_t i = 0; i < text.len;)
    {
        size_t count = p[i] < 0x80 ? 1 : p[i] < 0xc0 ? 0 : p[i] < 0xe0 ? 2 : p[i] < 0xf0 ? 3 : 4;
        uint32_t c = count < 2 ? p[i] : p[i] & (0x7fU >> count);

        if (count == 0 || p[i] > 0xf7 || i + count > text.len)
            return false;
        for (size_t j = 1; j < count; j++)
        {
            if ((p[i + j] & 0xc0) != 0x80)
                return false;
            c = c << 6 | (p[i + j] & 0x3f);
        }
        if (c < least[count] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
            return false;
        i += count;
    }
    return true;
}

/* What holds for every error. */
static inline void
fuzz_check_error(enum lq_code code, const struct lq_error *error)
{
    fuzz_expect(error->code == code, "the error's code");
    fuzz_expect(error->message[0] != '\0', "a message");
    fuzz_expect(fuzz_is_utf8(fuzz_str(error->message)), "a valid message");
    fuzz_expect(fuzz_is_utf8(fuzz_str(error->partial)), "a valid name of a partial");
    if (code == LQ_ERR_SYNTAX)
        fuzz_expect(error->line > 0 && error->column > 0, "a place");
}

#endif
