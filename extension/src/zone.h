/*
 * Time zones of the server's IANA database: for the template engine, and their offsets for claims.
 */
#ifndef HERALD_ZONE_H
#define HERALD_ZONE_H

#include "liquid.h"
#include "utils/timestamp.h"

/* Seconds east of UTC in a named zone at an instant; 0 when the zone is unknown. */
int herald_utc_offset(const char *zone, TimestampTz at);

/* A zone at a second since 1970, as lq_options.zone wants it. */
bool herald_zone(void *host, const char *name, int64_t second, struct lq_zone *ret);

#endif
