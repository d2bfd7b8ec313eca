/* Signature Version 4 as a service of AWS checks it, computed anew from the request as it arrived.
 */
#ifndef SANDBOX_SIGV4_H
#define SANDBOX_SIGV4_H

#include "sandbox/double.h"

struct sigv4_rules
{
    const char *service;
    const char *region; /* NULL: any */
    const char *key_id;
    const char *secret;       /* names of secrets of the sandbox */
    const char *temporary_id; /* of a key that comes with a session token; NULL: there is none */
    const char *session_token;
};

enum sigv4_verdict
{
    SIGV4_RIGHT,
    SIGV4_MISSING,
    SIGV4_INCOMPLETE, /* or its date is malformed */
    SIGV4_WRONG_SCOPE,
    SIGV4_UNKNOWN_KEY,
    SIGV4_WRONG_TOKEN,
    SIGV4_SKEWED, /* the clock: more than five minutes away */
    SIGV4_WRONG_SIGNATURE
};

/* The body's hash in hexadecimal. */
char *sigv4_hash(const struct double_request *request, struct arena *arena);

/* Check the signature of a request whose body has (or claims) this hash; *ret_message: what is
 * wrong. */
enum sigv4_verdict sigv4_verify(const struct double_env *env, const struct double_request *request,
                                const struct sigv4_rules *rules, const char *body_hash,
                                struct arena *arena, const char **ret_message);

#endif
