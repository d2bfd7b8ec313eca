/*
 * Time zones of the system's IANA database, through libc.
 *
 * libc knows one zone at a time, named by TZ in the environment, and this module keeps that
 * variable for itself: what localtime() says elsewhere in the process is undefined.
 */
#ifndef CORE_ZONE_H
#define CORE_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "liquid.h"

/* Put TZ into the environment. To be called before there are threads that read it. */
void zone_start(void);

/*
 * A zone at a second since 1970, as lq_options.zone wants it; the first argument is not used. False
 * when the system's database has no such zone.
 */
bool zone_find(void *host, const char *name, int64_t second, struct lq_zone *ret);

#endif
