/* Text that may hold anything, written so that readers cannot be hurt by it. */
#ifndef SANDBOX_TEXT_H
#define SANDBOX_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

/* Valid UTF-8 without NUL? */
bool text_is_utf8(const char *text, size_t len);

/* Code points of valid UTF-8; other bytes count one each. */
size_t text_length(const char *text, size_t len);

/* Append a JSON string, quotes included; bytes that are no UTF-8 become U+FFFD. */
void text_append_json(struct buf *buf, const char *text, size_t len);

/* As text_append_json() for a NUL-terminated text; NULL appends null. */
void text_append_json_string(struct buf *buf, const char *text);

#endif
