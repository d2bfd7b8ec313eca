/* Hashes, signatures, random bytes and base64, on OpenSSL. */
#ifndef CORE_CRYPTO_H
#define CORE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"

enum jwt_algorithm
{
    JWT_ES256, /* P-256 key; signature is R || S, 64 bytes */
    JWT_RS256  /* RSA ≥ 2048 bits, PKCS#1 v1.5 */
};

/* Base64 with padding, and base64url without. Results are NUL-terminated, in the arena. */
char *crypto_base64(struct arena *arena, const void *data, size_t len);
char *crypto_base64url(struct arena *arena, const void *data, size_t len);

/* Strict decoding (RFC 4648, padding required); NULL when malformed. */
uint8_t *crypto_base64_decode(struct arena *arena, const char *text, size_t *ret_len);
uint8_t *crypto_base64url_decode(struct arena *arena, const char *text, size_t *ret_len);

/* False when OpenSSL has no MD5, as under FIPS. */
bool crypto_md5(const void *data, size_t len, uint8_t ret[16]);
void crypto_sha256(const void *data, size_t len, uint8_t ret[32]);
void crypto_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
                        uint8_t ret[32]);

/* Constant-time comparison of equal-length digests. */
bool crypto_equal(const void *a, const void *b, size_t len);

/* Cryptographically strong random bytes; the process ends when the generator fails. */
void crypto_random(void *ret, size_t len);

/* Wipe memory that held a secret. */
void crypto_wipe(void *data, size_t len);

/*
 * A compact JWS of the two JSON texts, signed with a PEM private key (PKCS#8 or traditional, no
 * passphrase). NULL with *reterr set (a static sentence that names no key material) when the key
 * is malformed, of the wrong kind or too small.
 */
char *crypto_jwt(struct arena *arena, enum jwt_algorithm algorithm, const char *header_json,
                 const char *claims_json, const char *key_pem, const char **reterr);

/* Check a private key without using it; false with *reterr as for crypto_jwt(). */
bool crypto_check_key(enum jwt_algorithm algorithm, const char *key_pem, const char **reterr);

/*
 * Verify a compact JWS with a PEM public key; on success the decoded header and claims are in the
 * arena.
 */
bool crypto_jwt_verify(struct arena *arena, enum jwt_algorithm algorithm, const char *token,
                       const char *public_pem, char **ret_header, char **ret_claims);

#endif
