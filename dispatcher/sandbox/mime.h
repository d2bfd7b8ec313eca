/* Enough of MIME to show a mail as its reader sees it. */
#ifndef SANDBOX_MIME_H
#define SANDBOX_MIME_H

#include <stddef.h>

#include "core/arena.h"
#include "sandbox/double.h"

/* from, to, subject, text and html of a message; what cannot be read stays NULL. */
void mime_render(const char *message, size_t len, struct arena *arena, struct rendered *ret);

/* What is wrong with a mail that carries files, or NULL: base64, and what HTML shows by cid:. */
const char *mime_problem(const char *message, size_t len, struct arena *arena);

/* How often a header (lower-case name) stands in the message's head. */
size_t mime_count_header(const char *message, size_t len, const char *name);

/* The first header of that name, unfolded and decoded (RFC 2047), or NULL. */
const char *mime_header(const char *message, size_t len, const char *name, struct arena *arena);

#endif
