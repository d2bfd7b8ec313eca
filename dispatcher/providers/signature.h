/* Signatures of outgoing webhooks, as the Standard Webhooks specification has them. */
#ifndef PROVIDERS_SIGNATURE_H
#define PROVIDERS_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"

/*
 * The webhook-signature value: one "v1,<base64>" for each secret of the blank-separated list.
 * NULL with *reterr (a static sentence without key material) when a secret is malformed.
 */
char *signature_make(struct arena *arena, const char *secrets, const char *id, int64_t timestamp_s,
                     const char *body, size_t len, const char **reterr);

#endif
