/* Exceptions to http_address_is_private(), for the socket callback and tests. */
#ifndef CORE_HTTP_ADDRESS_H
#define CORE_HTTP_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

/* Does the address fall into one of the comma-separated CIDRs? Malformed entries match nothing. */
bool http_address_in_list(const void *sockaddr, size_t len, const char *list);

/* Is the numeric address public, or in the list (may be NULL)? */
bool http_address_text_allowed(const char *text, const char *list);

#endif
