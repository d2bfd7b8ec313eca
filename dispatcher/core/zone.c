/* Time zones through libc: tzset() with the path of a zone's file in TZ. */
#include "core/zone.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FOLDER "/usr/share/zoneinfo/"

/*
 * The variable is part of the environment and changed in place, never replaced: threads of
 * libraries may read other variables at any time. The colon makes libc take a path and no rule.
 */
static struct
{
    bool started;
    char variable[sizeof("TZ=:" FOLDER) + LQ_ZONE_NAME];
} environment;

void
zone_start(void)
{
    if (!environment.started)
    {
        (void) snprintf(environment.variable, sizeof(environment.variable), "TZ=:%sUTC", FOLDER);
        environment.started = putenv(environment.variable) == 0;
    }
    tzset();
}

/* Whether the file is there and one of a zone; libc silently takes UTC for what is not. */
static bool
is_zone_file(const char *path)
{
    char magic[4] = "";
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t len;

    if (file < 0)
    {
        return false;
    }
    len = read(file, magic, sizeof(magic));
    (void) close(file);
    return len == sizeof(magic) && memcmp(magic, "TZif", sizeof(magic)) == 0;
}

/* Make the zone the one that libc knows. Reading a file costs, so the one that is set stays. */
static bool
enter(const char *name)
{
    char *path = environment.variable + strlen("TZ=:");
    char *current = path + strlen(FOLDER);
    char wanted[sizeof(FOLDER) + LQ_ZONE_NAME];

    if (strcmp(name, current) == 0)
    {
        return true;
    }
    (void) snprintf(wanted, sizeof(wanted), FOLDER "%s", name);
    if (strlen(name) >= LQ_ZONE_NAME || strstr(name, "..") != NULL || !is_zone_file(wanted))
    {
        return false;
    }
    memcpy(path, wanted, strlen(wanted) + 1);
    tzset();
    return true;
}

bool
zone_find(void *host, const char *name, int64_t second, struct lq_zone *ret)
{
    time_t at = second;
    struct tm local;

    (void) host;
    if (!environment.started)
    {
        zone_start();
    }
    if (!enter(name) || localtime_r(&at, &local) == NULL)
    {
        return false;
    }
    ret->utc_offset_s = (int32_t) local.tm_gmtoff;
    (void) snprintf(ret->abbreviation, sizeof(ret->abbreviation), "%s", local.tm_zone);
    return true;
}
