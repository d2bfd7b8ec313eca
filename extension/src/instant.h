/*
 * Instants across the border to the daemons: microseconds since 1970, offsets of time zones.
 */
#ifndef HERALD_INSTANT_H
#define HERALD_INSTANT_H

#include "utils/timestamp.h"

/* Seconds east of UTC in a named zone at an instant; 0 when the zone is unknown. */
int herald_utc_offset(const char *zone, TimestampTz at);

/* Instant of so many microseconds since 1970. Raises 22008 when out of range. */
TimestampTz herald_from_unix(int64 us);

#endif
