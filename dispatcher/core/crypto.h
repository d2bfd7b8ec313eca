/* Hashes, signatures, encryption for web push, random bytes and base64, on OpenSSL. */
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

/* Base64 with padding into ret, without a NUL; returns the number of characters. */
size_t crypto_base64_encode(const void *data, size_t len, char *ret);

/* Strict decoding (RFC 4648, padding required); NULL when malformed. */
uint8_t *crypto_base64_decode(struct arena *arena, const char *text, size_t *ret_len);
uint8_t *crypto_base64url_decode(struct arena *arena, const char *text, size_t *ret_len);

/* False when OpenSSL has no MD5, as under FIPS. */
bool crypto_md5(const void *data, size_t len, uint8_t ret[16]);
void crypto_sha256(const void *data, size_t len, uint8_t ret[32]);

/* The same of what comes piece by piece; the end releases it. */
struct crypto_digest;
struct crypto_digest *crypto_sha256_begin(void);
void crypto_sha256_add(struct crypto_digest *digest, const void *data, size_t len);
void crypto_sha256_end(struct crypto_digest *digest, uint8_t ret[32]);

void crypto_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
                        uint8_t ret[32]);

/* HMAC with any of these; its length, or 0 when OpenSSL has no such hash, as MD5 under FIPS. */
enum crypto_hash
{
    CRYPTO_MD5,
    CRYPTO_SHA1,
    CRYPTO_SHA256,
    CRYPTO_SHA512
};
size_t crypto_hmac(enum crypto_hash hash, const void *key, size_t key_len, const void *data,
                   size_t len, uint8_t ret[64]);

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

/* A point of the curve P-256 in its uncompressed form: 0x04, x, y. */
#define CRYPTO_POINT_BYTES 65

bool crypto_is_point(const uint8_t point[CRYPTO_POINT_BYTES]);

/* The public key of a P-256 private key in PEM form; false with *reterr as for crypto_jwt(). */
bool crypto_public_point(const char *key_pem, uint8_t ret[CRYPTO_POINT_BYTES], const char **reterr);

/*
 * Messages of web push (RFC 8291): one record of aes128gcm without padding. An encrypted message
 * has at most 4096 bytes, its text so many:
 */
#define CRYPTO_PUSH_TEXT_MAX 3993
#define CRYPTO_PUSH_AUTH_BYTES 16
#define CRYPTO_PUSH_RANDOM_BYTES 48 /* the sender's private key, and the salt */

/*
 * Encrypt for the receiver's public key and its shared secret. The random bytes must serve no
 * second message. NULL when they are zero, the text is too long or the key is no point.
 */
uint8_t *crypto_push_encrypt(struct arena *arena, const uint8_t receiver[CRYPTO_POINT_BYTES],
                             const uint8_t auth[CRYPTO_PUSH_AUTH_BYTES],
                             const uint8_t random[CRYPTO_PUSH_RANDOM_BYTES], const void *text,
                             size_t len, size_t *ret_len);

/*
 * Decrypt with the receiver's private key in PEM form; the text is NUL-terminated. NULL unless it
 * is one whole record for that key; padding is allowed.
 */
char *crypto_push_decrypt(struct arena *arena, const char *key_pem,
                          const uint8_t auth[CRYPTO_PUSH_AUTH_BYTES], const uint8_t *message,
                          size_t len, size_t *ret_len);

#endif
