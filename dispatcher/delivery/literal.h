/* PostgreSQL array literals from untrusted text. */
#ifndef DELIVERY_LITERAL_H
#define DELIVERY_LITERAL_H

#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

/* Open and close an array: "{" and "}". */
void literal_open(struct buf *buf);
void literal_close(struct buf *buf);

/*
 * Append an element. Text is quoted and made storable: at most max bytes (cut between characters),
 * control characters become blanks, bytes that are no UTF-8 become U+FFFD. NULL becomes NULL.
 */
void literal_text(struct buf *buf, const char *text, size_t max);
void literal_int(struct buf *buf, int64_t value);
void literal_null(struct buf *buf);

#endif
