/*
 * Instants across the border to the daemons: microseconds since 1970.
 */
#ifndef HERALD_INSTANT_H
#define HERALD_INSTANT_H

#include "utils/timestamp.h"

/* Instant of so many microseconds since 1970. Raises 22008 when out of range. */
TimestampTz herald_from_unix(int64 us);

#endif
