/* What a text message carries besides its text: the part media. */
#ifndef PROVIDERS_MEDIA_H
#define PROVIDERS_MEDIA_H

#include <stdbool.h>
#include <stddef.h>

#include "providers/provider.h"

#define MEDIA_MAX 10

/*
 * The URLs of the part media, one a line; empty lines do not count. False with *reterr (class
 * content) when one is no https URL, or there are more than max (at most MEDIA_MAX).
 */
bool media_read(const struct message *message, size_t max, struct arena *arena,
                const char *ret_urls[MEDIA_MAX], size_t *ret_count, struct provider_error *reterr);

#endif
