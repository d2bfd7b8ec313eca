/* Decoding of UTF-8, one character at a time. */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Length in bytes of the character at text (1..4) with its code point in *ret, or 0 when the bytes
 * are no well-formed UTF-8 (overlong, surrogate, above U+10FFFF, cut).
 */
size_t utf8_decode(const char *text, size_t len, uint32_t *ret);

/* Is the whole text well-formed? */
bool utf8_valid(const char *text, size_t len);

#endif
