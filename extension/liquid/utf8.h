/* UTF-8 and Unicode: validity, counting, case mapping. Positions are bytes, counts are characters.
 * All functions but lq_utf8_valid() and lq_utf8_valid_prefix() expect valid UTF-8. */
#ifndef LIQUID_UTF8_H
#define LIQUID_UTF8_H

#include <string.h>

#include "liquid.h"

enum lq_case
{
    LQ_CASE_UPPER,
    LQ_CASE_LOWER,
    LQ_CASE_TITLE
};

enum
{
    LQ_CASE_MAX = 3, /* a character maps to at most so many */
    LQ_UTF8_MAX = 4
};

bool lq_utf8_valid(struct lq_str text);
size_t lq_utf8_valid_prefix(struct lq_str text);
size_t lq_utf8_count(struct lq_str text);

/* Byte position of the character number `index`, or text.len when there are fewer. */
size_t lq_utf8_offset(struct lq_str text, size_t index);

uint32_t lq_utf8_next_long(const char **at);

/* Decode the character at *at and advance. */
static inline uint32_t
lq_utf8_next(const char **at)
{
    unsigned char first = (unsigned char) **at;

    if (first >= 0x80)
        return lq_utf8_next_long(at);
    *at += 1;
    return first;
}

/* Encode a character beyond ASCII; returns the number of bytes written (2 to LQ_UTF8_MAX). */
size_t lq_utf8_put(uint32_t character, char *ret);

/* Full case mapping; returns how many characters were written. */
size_t lq_case_map(enum lq_case mode, uint32_t character, uint32_t ret[LQ_CASE_MAX]);

/* Whether the reference's inspect prints the character as it is. */
bool lq_char_printable(uint32_t character);

/* What the reference's regular expressions call white space. */
static inline bool
lq_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* What the reference's strip removes: white space and NUL. */
static inline bool
lq_is_strippable(char c)
{
    return c == '\0' || lq_is_space(c);
}

static inline bool
lq_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool
lq_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool
lq_is_word(char c)
{
    return lq_is_alpha(c) || lq_is_digit(c) || c == '_';
}

static inline char
lq_ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char) (c + ('a' - 'A')) : c;
}

/* The value of a hexadecimal digit, or -1. */
static inline int
lq_hex_digit(char c)
{
    c = lq_ascii_lower(c);
    if (lq_is_digit(c))
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Step over the first bytes of a text. */
static inline void
lq_str_skip(struct lq_str *text, size_t bytes)
{
    text->data += bytes;
    text->len -= bytes;
}

static inline bool
lq_str_equal(struct lq_str a, struct lq_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Text without the white space it starts with; unlike lstrip a NUL stays. */
struct lq_str lq_str_skip_space(struct lq_str text);
struct lq_str lq_str_lstrip(struct lq_str text);
struct lq_str lq_str_rstrip(struct lq_str text);
int lq_str_compare(struct lq_str a, struct lq_str b);

/* Position of needle in text at or after from, or SIZE_MAX. */
size_t lq_str_find(struct lq_str text, size_t from, struct lq_str needle);

#define LQ_STR(literal) ((struct lq_str){ (literal), sizeof(literal) - 1 })

#endif
