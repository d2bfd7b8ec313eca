/*
 * Instants across the border to the daemons: microseconds since 1970, offsets of time zones.
 */
#ifndef HERALD_INSTANT_H
#define HERALD_INSTANT_H

#include "utils/timestamp.h"

/* Seconds east of UTC in a named zone at an instant; 0 when the zone is unknown. */
int herald_utc_offset(const char *zone, TimestampTz at);

#endif
