/* In which country a recipient is, as herald.recipient_country() sees it. Pure. */
#ifndef DELIVERY_COUNTRY_H
#define DELIVERY_COUNTRY_H

#include <stdbool.h>

#define COUNTRY_SIZE 3

/* What a recipient says about its country; each may be NULL. */
struct country_hints
{
    const char *attribute; /* "country" */
    const char *region;    /* "US-CA" */
    const char *phone;     /* E.164; only where it is used, on sms and voice */
    const char *locale;    /* "zh-Hans-CN" */
};

/*
 * The ISO 3166 code that the first of the hints with a country tells, in capitals. False, and "",
 * when none does.
 */
bool country_find(const struct country_hints *hints, char ret[COUNTRY_SIZE]);

#endif
