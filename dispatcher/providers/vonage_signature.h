/* Signatures of requests to Vonage's SMS API. */
#ifndef PROVIDERS_VONAGE_SIGNATURE_H
#define PROVIDERS_VONAGE_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"

struct vonage_parameter
{
    const char *name;
    const char *value;
};

/* Is it md5hash, md5, sha1, sha256 or sha512? */
bool vonage_is_method(const char *method);

/*
 * The parameter sig of these parameters, which are sorted by name. NULL when OpenSSL lacks the
 * method's hash.
 */
const char *vonage_sign(struct arena *arena, const char *method, const char *secret,
                        struct vonage_parameter *parameters, size_t count);

#endif
