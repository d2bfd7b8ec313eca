/* Headers that the template of a mail adds: its part "headers", one `Name: value` a line. */
#ifndef PROVIDERS_EMAIL_HEADER_H
#define PROVIDERS_EMAIL_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/wire.h"
#include "providers/provider.h"

#define EMAIL_HEADERS_MAX 15

/*
 * Read the part's text into ret, at most EMAIL_HEADERS_MAX headers; those without a value are left
 * out. False with *reterr (class content) for a line of another form, a name that templates may not
 * set or that occurs twice, and a value that is too long or holds control characters.
 */
bool email_header_read(const char *text, struct arena *arena, struct wire_header *ret,
                       size_t *ret_count, struct provider_error *reterr);

#endif
