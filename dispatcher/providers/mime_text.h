/* Headers and texts of mails, encoded so that every line is ASCII. What appends goes to out. */
#ifndef PROVIDERS_MIME_TEXT_H
#define PROVIDERS_MIME_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/wire.h"

#define MIME_BYTES_MAX 26214400 /* of the whole message, encoded */

/* Text as the value of a header in one line: itself when it is ASCII, else as encoded words. */
const char *mime_encode_value(struct arena *arena, const char *text);

/* Is the text made of printable ASCII and blanks alone? */
bool mime_is_printable_ascii(const char *text);

/* A header of any name: ASCII is folded at blanks, other text encoded. */
void mime_append_header(struct buf *out, const struct wire_header *header);

/*
 * A part of type text/TYPE: its two headers, a blank line and the encoded text, which ends with a
 * line break.
 */
void mime_append_part(struct buf *out, const char *type, const char *text);

void mime_append_date(struct buf *out, int64_t seconds);
void mime_append_text_header(struct buf *out, const char *name, const char *text);
void mime_append_mailbox_header(struct buf *out, const char *name, const char *display_name,
                                const char *mailbox);
void mime_append_quoted_printable(struct buf *out, const char *text, size_t len);
void mime_append_base64(struct buf *out, const char *text, size_t len);

#endif
