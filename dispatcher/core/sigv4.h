/* Signatures of requests to AWS: Signature Version 4. */
#ifndef CORE_SIGV4_H
#define CORE_SIGV4_H

#include <stdint.h>

#include "core/arena.h"
#include "core/wire.h"

struct sigv4_account
{
    const char *access_key_id;
    const char *secret_access_key;
    const char *session_token; /* of temporary credentials; NULL: none */
    const char *region;
    const char *service;
};

/*
 * Sign a complete request whose URL is in lower case and has no query: adds x-amz-date,
 * x-amz-security-token and authorization, which cover the host and every header that is there.
 * A header x-amz-content-sha256 must be the body's hash, which is not computed again.
 * NULL, or why it cannot be signed (a static sentence).
 */
const char *sigv4_sign(struct wire_request *request, const struct sigv4_account *account,
                       int64_t now_s, struct arena *arena);

#endif
