/* Syntax of addresses. Each check returns NULL, or what is wrong as a static clause. */
#ifndef PROVIDERS_ADDRESS_H
#define PROVIDERS_ADDRESS_H

#include <stdbool.h>

/* A mailbox: ASCII, one unquoted local part of 1..64 bytes, a domain name with a dot, ≤ 254. */
const char *address_check_mailbox(const char *address);

/* A phone number: E.164 with its plus and no separators. */
const char *address_check_phone(const char *address);

/* A device token in hexadecimal digits: an even number of them, of no fixed length. */
const char *address_check_hex_token(const char *address);

/* An opaque device token: printable ASCII without blanks. */
const char *address_check_token(const char *address);

/* https:// (or http:// when allowed) with host and port, without user, fragment and blanks. */
const char *address_check_url(const char *address, bool allow_http);

/* A DNS name of letters, digits and hyphens, ≤ 255 bytes. */
const char *address_check_host(const char *host);

/* The part of a mailbox behind its last @. */
const char *address_domain(const char *mailbox);

#endif
