/* Attempts of one claim before the last one. */
#ifndef DELIVERY_TRIES_H
#define DELIVERY_TRIES_H

#include <stdbool.h>

#include "delivery/delivery.h"

/* Attempts in one claim, so that a claim ends however many accounts there are. */
#define TRIES_MAX 8
#define TRIES_BYTES_MAX 32768

/* Keep the result as that of an earlier attempt, and begin with an empty one. */
void tries_add(struct delivery *delivery);

/* Was the account tried in this claim? */
bool tries_have(const struct delivery *delivery, const char *account);

/* As a JSON list for herald.record(), the first attempt first, at most TRIES_BYTES_MAX; NULL when
 * there is none. */
const char *tries_print(const struct delivery *delivery);

#endif
