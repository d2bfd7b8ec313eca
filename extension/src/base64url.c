/*
 * Base64url on PostgreSQL's base64: see base64url.h.
 */
#include "postgres.h"

#include "common/base64.h"

#include "base64url.h"

void
herald_base64url(const uint8_t *data, int length, char *ret, size_t size)
{
    int written = pg_b64_encode((const void *) data, length, ret, (int) size - 1);

    while (written > 0 && ret[written - 1] == '=')
        written--;
    ret[written < 0 ? 0 : written] = '\0';
    for (; *ret != '\0'; ret++)
        *ret = *ret == '+' ? '-' : *ret == '/' ? '_' : *ret;
}
