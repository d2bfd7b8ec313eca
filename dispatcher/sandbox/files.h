/* What a mail carries besides its texts, as the doubles check and show it. */
#ifndef SANDBOX_FILES_H
#define SANDBOX_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/buf.h"
#include "sandbox/double.h"

/* Note a file with its content; those behind RENDERED_FILES_MAX are not kept. */
void files_add(struct rendered *ret, struct arena *arena, const char *name, const char *type,
               const char *content_id, const void *data, size_t len);

/* The same of content in base64; false when it is none, or empty. */
bool files_add_base64(struct rendered *ret, struct arena *arena, const char *name, const char *type,
                      const char *content_id, const char *base64);

/* What the HTML shows by cid: and no file is called; NULL: all is there. */
const char *files_missing(const struct rendered *rendered, struct arena *arena);

/* Append them as a JSON array: name, type, inline, size, sha256. */
void files_print(struct buf *ret, const struct rendered *rendered);

#endif
