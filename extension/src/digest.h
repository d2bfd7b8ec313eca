/* Digests for the template engine, by what PostgreSQL was built with. */
#ifndef HERALD_DIGEST_H
#define HERALD_DIGEST_H

#include "liquid.h"

/* lq_options.digest; raises nothing. */
bool herald_digest(void *host, enum lq_digest algorithm, struct lq_str text, uint8_t *ret);

#endif
