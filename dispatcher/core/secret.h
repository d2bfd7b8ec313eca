/* Secrets by reference: "env:NAME" or "file:/path", resolved by the daemon, never logged. */
#ifndef CORE_SECRET_H
#define CORE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"

#define SECRET_BYTES_MAX 65536

/*
 * The value behind a reference, with one trailing newline removed, in the arena (wiped by
 * secret_wipe()). NULL with *reterr (in the arena; names the reference, never the value) when the
 * reference is malformed, the variable unset or empty, or the file missing, too large, not regular
 * or open to others. A reference that is malformed is not repeated: it may be the secret itself.
 */
char *secret_resolve(struct arena *arena, const char *reference, const char **reterr);

/* Overwrite a resolved secret; NULL is allowed. */
void secret_wipe(char *secret);

#endif
