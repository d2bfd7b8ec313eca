/* Who a message to a phone number comes from: the setting from_by_country. */
#ifndef PROVIDERS_SENDER_H
#define PROVIDERS_SENDER_H

#include <stdbool.h>

#include "providers/provider.h"

/* A number with its plus, a short code, or a name of at most 11 characters with a letter in it? */
bool sender_is_valid(const char *text);

/* What from_by_country has for the country of the number, else fallback. */
const char *sender_choose(const struct settings *settings, const char *phone, const char *fallback);

/* Check from_by_country: known countries, and senders that is_sender takes (kinds tells which). */
bool sender_check(const struct settings *settings, bool (*is_sender)(const char *),
                  const char *kinds, struct arena *arena, struct provider_error *reterr);

#endif
