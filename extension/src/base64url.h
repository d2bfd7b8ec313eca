/* Base64url without padding (RFC 4648). */
#ifndef HERALD_BASE64URL_H
#define HERALD_BASE64URL_H

#include <stddef.h>
#include <stdint.h>

/* Room for so many bytes, the padding that is cut off and the NUL included. */
#define HERALD_BASE64URL_SIZE(bytes) (((bytes) + 2) / 3 * 4 + 1)

/* NUL-terminated. */
void herald_base64url(const uint8_t *data, int length, char *ret, size_t size);

#endif
