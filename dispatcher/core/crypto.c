/* Hashes, signatures, random bytes and base64, on OpenSSL 3. */
#include "core/crypto.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/mem.h"

#define ES256_HALF 32
#define ES256_SIGNATURE 64
#define RSA_BITS_MIN 2048

static const char crypto_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char crypto_alphabet_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* A call that can only fail when memory or the library is broken. */
static void
crypto_require(bool ok, const char *what)
{
    if (!ok)
    {
        log_event(LOG_ERROR, "cryptography library failed", "call", what, NULL);
        abort();
    }
}

static char *
crypto_encode(struct arena *arena, const void *data, size_t len, const char *alphabet, bool pad)
{
    const uint8_t *in = data;
    char *ret = arena_alloc(arena, (len + 2) / 3 * 4 + 1);
    char *out = ret;

    for (size_t i = 0; i < len; i += 3)
    {
        size_t have = len - i < 3 ? len - i : 3;
        uint32_t group = (uint32_t) in[i] << 16;

        group |= have > 1 ? (uint32_t) in[i + 1] << 8 : 0;
        group |= have > 2 ? in[i + 2] : 0;
        for (size_t j = 0; j < 4; j++)
        {
            if (j <= have)
            {
                *out++ = alphabet[group >> (18 - 6 * j) & 63];
            }
            else if (pad)
            {
                *out++ = '=';
            }
        }
    }
    return ret;
}

char *
crypto_base64(struct arena *arena, const void *data, size_t len)
{
    return crypto_encode(arena, data, len, crypto_alphabet, true);
}

char *
crypto_base64url(struct arena *arena, const void *data, size_t len)
{
    return crypto_encode(arena, data, len, crypto_alphabet_url, false);
}

/* Decode len characters without padding; left-over bits must be zero, so texts are unique. */
static uint8_t *
crypto_decode(struct arena *arena, const char *text, size_t len, const char *alphabet,
              size_t *ret_len)
{
    uint8_t *ret = arena_alloc(arena, len / 4 * 3 + 3);
    uint32_t bits = 0;
    int have = 0;
    size_t out = 0;

    if (len % 4 == 1)
    {
        return NULL;
    }
    for (size_t i = 0; i < len; i++)
    {
        const char *at = text[i] != '\0' ? strchr(alphabet, text[i]) : NULL;

        if (at == NULL)
        {
            return NULL;
        }
        bits = (bits << 6 | (uint32_t) (at - alphabet)) & 0xffffff;
        have += 6;
        if (have >= 8)
        {
            have -= 8;
            ret[out++] = (uint8_t) (bits >> have);
        }
    }
    if ((bits & ((1u << have) - 1)) != 0)
    {
        return NULL;
    }
    *ret_len = out;
    return ret;
}

uint8_t *
crypto_base64_decode(struct arena *arena, const char *text, size_t *ret_len)
{
    size_t len = strlen(text);
    size_t used = len;

    if (len % 4 != 0)
    {
        return NULL;
    }
    while (used > 0 && len - used < 2 && text[used - 1] == '=')
    {
        used--;
    }
    return crypto_decode(arena, text, used, crypto_alphabet, ret_len);
}

uint8_t *
crypto_base64url_decode(struct arena *arena, const char *text, size_t *ret_len)
{
    return crypto_decode(arena, text, strlen(text), crypto_alphabet_url, ret_len);
}

bool
crypto_md5(const void *data, size_t len, uint8_t ret[16])
{
    return EVP_Digest(data, len, ret, NULL, EVP_md5(), NULL) == 1;
}

void
crypto_sha256(const void *data, size_t len, uint8_t ret[32])
{
    crypto_require(EVP_Digest(data, len, ret, NULL, EVP_sha256(), NULL) == 1, "EVP_Digest");
}

void
crypto_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len, uint8_t ret[32])
{
    /* A NULL key means "the last one" to OpenSSL. */
    const void *use = key != NULL ? key : "";

    crypto_require(key_len <= INT32_MAX &&
                       HMAC(EVP_sha256(), use, (int) key_len, data, len, ret, NULL) != NULL,
                   "HMAC");
}

bool
crypto_equal(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

void
crypto_random(void *ret, size_t len)
{
    unsigned char *out = ret;

    while (len > 0)
    {
        int part = len < 65536 ? (int) len : 65536;

        crypto_require(RAND_bytes(out, part) == 1, "RAND_bytes");
        out += part;
        len -= (size_t) part;
    }
}

void
crypto_wipe(void *data, size_t len)
{
    OPENSSL_cleanse(data, len);
}

/* Asked for when a key is encrypted: note it and give none. */
static int
crypto_no_passphrase(char *ret, int size, int writing, void *user)
{
    bool *asked = user;

    (void) ret;
    (void) size;
    (void) writing;
    *asked = true;
    return -1;
}

static bool
crypto_key_fits(enum jwt_algorithm algorithm, EVP_PKEY *key, const char **reterr)
{
    char group[32] = "";

    if (algorithm == JWT_RS256)
    {
        if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
        {
            *reterr = "the key is not an RSA key";
            return false;
        }
        if (EVP_PKEY_get_bits(key) < RSA_BITS_MIN)
        {
            *reterr = "the RSA key is shorter than 2048 bits";
            return false;
        }
        return true;
    }
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC)
    {
        *reterr = "the key is not an elliptic curve key";
        return false;
    }
    if (EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) != 1 ||
        strcmp(group, "prime256v1") != 0)
    {
        *reterr = "the key is not on the curve P-256";
        return false;
    }
    return true;
}

static EVP_PKEY *
crypto_read_key(enum jwt_algorithm algorithm, const char *pem, bool public_key, const char **reterr)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    bool asked = false;
    EVP_PKEY *key;

    crypto_require(bio != NULL, "BIO_new_mem_buf");
    key = public_key ? PEM_read_bio_PUBKEY(bio, NULL, crypto_no_passphrase, &asked)
                     : PEM_read_bio_PrivateKey(bio, NULL, crypto_no_passphrase, &asked);
    BIO_free(bio);
    ERR_clear_error();
    if (key == NULL)
    {
        *reterr = asked        ? "the key is protected by a passphrase"
                  : public_key ? "the key is not a public key in PEM form"
                               : "the key is not a private key in PEM form";
        return NULL;
    }
    if (!crypto_key_fits(algorithm, key, reterr))
    {
        EVP_PKEY_free(key);
        return NULL;
    }
    *reterr = NULL;
    return key;
}

bool
crypto_check_key(enum jwt_algorithm algorithm, const char *key_pem, const char **reterr)
{
    EVP_PKEY *key = crypto_read_key(algorithm, key_pem, false, reterr);

    EVP_PKEY_free(key);
    return key != NULL;
}

/* The signature as OpenSSL makes it: DER for elliptic curves. */
static bool
crypto_sign(EVP_PKEY *key, const char *data, size_t len, unsigned char *ret, size_t *ret_len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok;

    crypto_require(ctx != NULL, "EVP_MD_CTX_new");
    ok = EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
         EVP_DigestSign(ctx, ret, ret_len, (const unsigned char *) data, len) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

/* DER to R || S, each padded to 32 bytes; in place. */
static bool
crypto_der_to_raw(unsigned char *signature, size_t *len)
{
    const unsigned char *in = signature;
    ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &in, (long) *len);
    unsigned char raw[ES256_SIGNATURE];
    bool ok;

    if (parsed == NULL)
    {
        return false;
    }
    ok = BN_bn2binpad(ECDSA_SIG_get0_r(parsed), raw, ES256_HALF) == ES256_HALF &&
         BN_bn2binpad(ECDSA_SIG_get0_s(parsed), raw + ES256_HALF, ES256_HALF) == ES256_HALF;
    ECDSA_SIG_free(parsed);
    if (ok)
    {
        memcpy(signature, raw, sizeof(raw));
        *len = sizeof(raw);
    }
    return ok;
}

char *
crypto_jwt(struct arena *arena, enum jwt_algorithm algorithm, const char *header_json,
           const char *claims_json, const char *key_pem, const char **reterr)
{
    EVP_PKEY *key = crypto_read_key(algorithm, key_pem, false, reterr);
    unsigned char *signature;
    size_t signature_len;
    char *input;
    bool ok;

    if (key == NULL)
    {
        return NULL;
    }
    input = arena_printf(arena, "%s.%s", crypto_base64url(arena, header_json, strlen(header_json)),
                         crypto_base64url(arena, claims_json, strlen(claims_json)));
    signature_len = (size_t) EVP_PKEY_get_size(key);
    signature =
        arena_alloc(arena, signature_len > ES256_SIGNATURE ? signature_len : ES256_SIGNATURE);
    ok = crypto_sign(key, input, strlen(input), signature, &signature_len) &&
         (algorithm != JWT_ES256 || crypto_der_to_raw(signature, &signature_len));
    EVP_PKEY_free(key);
    if (!ok)
    {
        ERR_clear_error();
        *reterr = "signing failed";
        return NULL;
    }
    return arena_printf(arena, "%s.%s", input, crypto_base64url(arena, signature, signature_len));
}

/* R || S to DER, allocated by OpenSSL; NULL when it is none. */
static unsigned char *
crypto_raw_to_der(const uint8_t *raw, size_t len, int *ret_len)
{
    ECDSA_SIG *parsed;
    BIGNUM *r;
    BIGNUM *s;
    unsigned char *der = NULL;

    if (len != ES256_SIGNATURE)
    {
        return NULL;
    }
    parsed = ECDSA_SIG_new();
    r = BN_bin2bn(raw, ES256_HALF, NULL);
    s = BN_bin2bn(raw + ES256_HALF, ES256_HALF, NULL);
    crypto_require(parsed != NULL && r != NULL && s != NULL, "ECDSA_SIG_new");
    ECDSA_SIG_set0(parsed, r, s);
    *ret_len = i2d_ECDSA_SIG(parsed, &der);
    ECDSA_SIG_free(parsed);
    return *ret_len > 0 ? der : NULL;
}

static bool
crypto_verify(EVP_PKEY *key, const char *data, size_t len, const unsigned char *signature,
              size_t signature_len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok;

    crypto_require(ctx != NULL, "EVP_MD_CTX_new");
    ok = EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
         EVP_DigestVerify(ctx, signature, signature_len, (const unsigned char *) data, len) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}

static bool
crypto_verify_token(struct arena *arena, enum jwt_algorithm algorithm, const char *token,
                    const char *dot, const char *public_pem)
{
    const char *error;
    size_t len;
    uint8_t *signature = crypto_base64url_decode(arena, dot + 1, &len);
    EVP_PKEY *key;
    bool ok = false;

    if (signature == NULL)
    {
        return false;
    }
    key = crypto_read_key(algorithm, public_pem, true, &error);
    if (key == NULL)
    {
        return false;
    }
    if (algorithm == JWT_ES256)
    {
        int der_len;
        unsigned char *der = crypto_raw_to_der(signature, len, &der_len);

        ok =
            der != NULL && crypto_verify(key, token, (size_t) (dot - token), der, (size_t) der_len);
        OPENSSL_free(der);
    }
    else
    {
        ok = crypto_verify(key, token, (size_t) (dot - token), signature, len);
    }
    EVP_PKEY_free(key);
    return ok;
}

bool
crypto_jwt_verify(struct arena *arena, enum jwt_algorithm algorithm, const char *token,
                  const char *public_pem, char **ret_header, char **ret_claims)
{
    const char *first = strchr(token, '.');
    const char *second = first != NULL ? strchr(first + 1, '.') : NULL;
    uint8_t *header;
    uint8_t *claims;
    size_t header_len;
    size_t claims_len;

    if (second == NULL || !crypto_verify_token(arena, algorithm, token, second, public_pem))
    {
        return false;
    }
    header = crypto_base64url_decode(arena, arena_strndup(arena, token, (size_t) (first - token)),
                                     &header_len);
    claims = crypto_base64url_decode(
        arena, arena_strndup(arena, first + 1, (size_t) (second - first - 1)), &claims_len);
    if (header == NULL || claims == NULL)
    {
        return false;
    }
    *ret_header = arena_strndup(arena, (const char *) header, header_len);
    *ret_claims = arena_strndup(arena, (const char *) claims, claims_len);
    return true;
}
