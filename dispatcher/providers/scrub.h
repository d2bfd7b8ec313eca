/* Makes text from outside fit for storing: bounded, valid UTF-8, without secrets and addresses. */
#ifndef PROVIDERS_SCRUB_H
#define PROVIDERS_SCRUB_H

#include "core/arena.h"
#include "providers/provider.h"

#define SCRUB_REASON_MAX 500

/*
 * A reason: control characters become blanks; the message's address, words of the account's
 * secrets, mailboxes, URLs, phone numbers and long opaque words are masked; at most
 * SCRUB_REASON_MAX bytes. NULL for NULL and for text with nothing left.
 */
const char *scrub_reason(struct arena *arena, const struct provider *provider,
                         const struct settings *settings, const struct message *message,
                         const char *text);

/* A code or id: printable characters only, at most max bytes. NULL for NULL and nothing left. */
const char *scrub_word(struct arena *arena, const char *text, size_t max);

#endif
