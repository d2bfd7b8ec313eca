/*
 * Time zones of the server's IANA database.
 */
#ifndef HERALD_ZONE_H
#define HERALD_ZONE_H

#include "utils/timestamp.h"

/* Seconds east of UTC in a named zone at an instant; 0 when the zone is unknown. */
int herald_utc_offset(const char *zone, TimestampTz at);

#endif
