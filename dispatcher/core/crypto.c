/* Hashes, signatures, encryption for web push, random bytes and base64, on OpenSSL 3. */
#include "core/crypto.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
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

/* A push message: salt, record size, length of the sender's key, the key; then text, mark, tag. */
#define PUSH_SALT 16
#define PUSH_KEY_AT 21
#define PUSH_HEADER (PUSH_KEY_AT + CRYPTO_POINT_BYTES)
#define PUSH_TAG 16
#define PUSH_RECORD 4096
#define PUSH_RECORD_MIN 18
#define PUSH_LAST_RECORD 2
#define PUSH_SCALAR 32

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

/* Returns how many characters it wrote. */
static size_t
crypto_encode(const void *data, size_t len, const char *alphabet, bool pad, char *ret)
{
    const uint8_t *in = data;
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
    return (size_t) (out - ret);
}

size_t
crypto_base64_encode(const void *data, size_t len, char *ret)
{
    return crypto_encode(data, len, crypto_alphabet, true, ret);
}

char *
crypto_base64(struct arena *arena, const void *data, size_t len)
{
    char *ret = arena_alloc(arena, (len + 2) / 3 * 4 + 1);

    crypto_encode(data, len, crypto_alphabet, true, ret);
    return ret;
}

char *
crypto_base64url(struct arena *arena, const void *data, size_t len)
{
    char *ret = arena_alloc(arena, (len + 2) / 3 * 4 + 1);

    crypto_encode(data, len, crypto_alphabet_url, false, ret);
    return ret;
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

/* The library's context goes under our name. */
struct crypto_digest *
crypto_sha256_begin(void)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    crypto_require(context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1,
                   "EVP_DigestInit_ex");
    return (struct crypto_digest *) context;
}

void
crypto_sha256_add(struct crypto_digest *digest, const void *data, size_t len)
{
    crypto_require(EVP_DigestUpdate((EVP_MD_CTX *) digest, data, len) == 1, "EVP_DigestUpdate");
}

void
crypto_sha256_end(struct crypto_digest *digest, uint8_t ret[32])
{
    EVP_MD_CTX *context = (EVP_MD_CTX *) digest;

    crypto_require(EVP_DigestFinal_ex(context, ret, NULL) == 1, "EVP_DigestFinal_ex");
    EVP_MD_CTX_free(context);
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

size_t
crypto_hmac(enum crypto_hash hash, const void *key, size_t key_len, const void *data, size_t len,
            uint8_t ret[64])
{
    const EVP_MD *const hashes[] = {
        [CRYPTO_MD5] = EVP_md5(),
        [CRYPTO_SHA1] = EVP_sha1(),
        [CRYPTO_SHA256] = EVP_sha256(),
        [CRYPTO_SHA512] = EVP_sha512(),
    };
    unsigned int ret_len = 0;

    if (HMAC(hashes[hash], key, (int) key_len, data, len, ret, &ret_len) == NULL)
    {
        ERR_clear_error();
        return 0;
    }
    return ret_len;
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

/* The product of a number and a point, the generator when point is NULL; false when it is none. */
static bool
crypto_multiply(const BIGNUM *scalar, const uint8_t *point, uint8_t ret[CRYPTO_POINT_BYTES])
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *in = group != NULL ? EC_POINT_new(group) : NULL;
    EC_POINT *out = group != NULL ? EC_POINT_new(group) : NULL;
    bool ok;

    crypto_require(in != NULL && out != NULL, "EC_POINT_new");
    ok = point == NULL ? EC_POINT_mul(group, out, scalar, NULL, NULL, NULL) == 1
                       : EC_POINT_oct2point(group, in, point, CRYPTO_POINT_BYTES, NULL) == 1 &&
                             EC_POINT_mul(group, out, NULL, in, scalar, NULL) == 1;
    ok = ok && EC_POINT_point2oct(group, out, POINT_CONVERSION_UNCOMPRESSED, ret,
                                  CRYPTO_POINT_BYTES, NULL) == CRYPTO_POINT_BYTES;
    EC_POINT_free(in);
    EC_POINT_clear_free(out);
    EC_GROUP_free(group);
    ERR_clear_error();
    return ok;
}

bool
crypto_is_point(const uint8_t point[CRYPTO_POINT_BYTES])
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *parsed = group != NULL ? EC_POINT_new(group) : NULL;
    bool ok;

    crypto_require(parsed != NULL, "EC_POINT_new");
    ok = EC_POINT_oct2point(group, parsed, point, CRYPTO_POINT_BYTES, NULL) == 1;
    EC_POINT_free(parsed);
    EC_GROUP_free(group);
    ERR_clear_error();
    return ok;
}

/* The number behind a P-256 private key in PEM form; NULL with *reterr. */
static BIGNUM *
crypto_read_scalar(const char *key_pem, const char **reterr)
{
    EVP_PKEY *key = crypto_read_key(JWT_ES256, key_pem, false, reterr);
    BIGNUM *ret = NULL;

    if (key != NULL)
    {
        crypto_require(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &ret) == 1,
                       "EVP_PKEY_get_bn_param");
        EVP_PKEY_free(key);
    }
    return ret;
}

bool
crypto_public_point(const char *key_pem, uint8_t ret[CRYPTO_POINT_BYTES], const char **reterr)
{
    BIGNUM *scalar = crypto_read_scalar(key_pem, reterr);
    bool ok = scalar != NULL;

    if (ok)
    {
        crypto_require(crypto_multiply(scalar, NULL, ret), "EC_POINT_mul");
    }
    BN_clear_free(scalar);
    return ok;
}

/* What one message is encrypted with. */
struct crypto_push
{
    uint8_t shared[CRYPTO_POINT_BYTES]; /* product of one's private and the other's public key */
    uint8_t key[32];                    /* the first 16 bytes count */
    uint8_t nonce[32];                  /* the first 12 */
};

/* Key and nonce out of the shared point; RFC 8291, section 3.4. */
static void
crypto_push_derive(struct crypto_push *push, const uint8_t *receiver, const uint8_t *sender,
                   const uint8_t *auth, const uint8_t *salt)
{
    static const char for_key[] = "Content-Encoding: aes128gcm\0\1";
    static const char for_nonce[] = "Content-Encoding: nonce\0\1";
    uint8_t info[14 + 2 * CRYPTO_POINT_BYTES + 1] = "WebPush: info";
    uint8_t secret[32];
    uint8_t input[32];

    memcpy(info + 14, receiver, CRYPTO_POINT_BYTES);
    memcpy(info + 14 + CRYPTO_POINT_BYTES, sender, CRYPTO_POINT_BYTES);
    info[sizeof(info) - 1] = 1;
    crypto_hmac_sha256(auth, CRYPTO_PUSH_AUTH_BYTES, push->shared + 1, PUSH_SCALAR, secret);
    crypto_hmac_sha256(secret, sizeof(secret), info, sizeof(info), input);
    crypto_hmac_sha256(salt, PUSH_SALT, input, sizeof(input), secret);
    crypto_hmac_sha256(secret, sizeof(secret), for_key, sizeof(for_key) - 1, push->key);
    crypto_hmac_sha256(secret, sizeof(secret), for_nonce, sizeof(for_nonce) - 1, push->nonce);
    crypto_wipe(secret, sizeof(secret));
    crypto_wipe(input, sizeof(input));
}

/* AES-128-GCM of len bytes and the tag behind them; false when the tag is wrong. */
static bool
crypto_push_cipher(const struct crypto_push *push, bool encrypt, const uint8_t *in, size_t len,
                   uint8_t *ret, uint8_t *tag)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int done = 0;
    int rest = 0;
    bool ok;

    crypto_require(ctx != NULL && EVP_CipherInit_ex(ctx, EVP_aes_128_gcm(), NULL, push->key,
                                                    push->nonce, encrypt) == 1,
                   "EVP_CipherInit_ex");
    ok = (encrypt || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, PUSH_TAG, tag) == 1) &&
         EVP_CipherUpdate(ctx, ret, &done, in, (int) len) == 1 &&
         EVP_CipherFinal_ex(ctx, ret + done, &rest) == 1 &&
         (!encrypt || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, PUSH_TAG, tag) == 1);
    EVP_CIPHER_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}

uint8_t *
crypto_push_encrypt(struct arena *arena, const uint8_t receiver[CRYPTO_POINT_BYTES],
                    const uint8_t auth[CRYPTO_PUSH_AUTH_BYTES],
                    const uint8_t random[CRYPTO_PUSH_RANDOM_BYTES], const void *text, size_t len,
                    size_t *ret_len)
{
    BIGNUM *scalar = BN_bin2bn(random, PUSH_SCALAR, NULL);
    const uint8_t *salt = random + PUSH_SCALAR;
    uint8_t *ret = arena_alloc(arena, PUSH_RECORD);
    uint8_t plain[CRYPTO_PUSH_TEXT_MAX + 1];
    struct crypto_push push;
    bool ok;

    crypto_require(scalar != NULL, "BN_bin2bn");
    ok = len <= CRYPTO_PUSH_TEXT_MAX && crypto_multiply(scalar, NULL, ret + PUSH_KEY_AT) &&
         crypto_multiply(scalar, receiver, push.shared);
    BN_clear_free(scalar);
    if (!ok)
    {
        return NULL;
    }
    memcpy(ret, salt, PUSH_SALT);
    memcpy(ret + PUSH_SALT, "\0\0\x10\0\x41", PUSH_KEY_AT - PUSH_SALT);
    memcpy(plain, text, len);
    plain[len++] = PUSH_LAST_RECORD;
    crypto_push_derive(&push, receiver, ret + PUSH_KEY_AT, auth, salt);
    crypto_require(
        crypto_push_cipher(&push, true, plain, len, ret + PUSH_HEADER, ret + PUSH_HEADER + len),
        "EVP_CipherUpdate");
    crypto_wipe(&push, sizeof(push));
    *ret_len = PUSH_HEADER + len + PUSH_TAG;
    return ret;
}

/* The text of a decrypted record: without zeros and the mark in front of them. */
static bool
crypto_push_unpad(uint8_t *text, size_t *len)
{
    while (*len > 0 && text[*len - 1] == 0)
    {
        --*len;
    }
    if (*len == 0 || text[*len - 1] != PUSH_LAST_RECORD)
    {
        return false;
    }
    text[--*len] = '\0';
    return true;
}

char *
crypto_push_decrypt(struct arena *arena, const char *key_pem,
                    const uint8_t auth[CRYPTO_PUSH_AUTH_BYTES], const uint8_t *message, size_t len,
                    size_t *ret_len)
{
    const char *error;
    uint8_t receiver[CRYPTO_POINT_BYTES];
    uint8_t tag[PUSH_TAG];
    struct crypto_push push;
    size_t record;
    uint8_t *ret;
    BIGNUM *scalar;
    bool ok;

    if (len < PUSH_HEADER + PUSH_TAG + 1 || message[PUSH_KEY_AT - 1] != CRYPTO_POINT_BYTES)
    {
        return NULL;
    }
    record = (size_t) message[16] << 24 | (size_t) message[17] << 16 | (size_t) message[18] << 8 |
             message[19];
    len -= PUSH_HEADER;
    scalar = crypto_read_scalar(key_pem, &error);
    ok = scalar != NULL && record >= PUSH_RECORD_MIN && len <= record &&
         crypto_multiply(scalar, NULL, receiver) &&
         crypto_multiply(scalar, message + PUSH_KEY_AT, push.shared);
    BN_clear_free(scalar);
    if (!ok)
    {
        return NULL;
    }
    len -= PUSH_TAG;
    ret = arena_alloc(arena, len + 1);
    memcpy(tag, message + PUSH_HEADER + len, PUSH_TAG);
    crypto_push_derive(&push, receiver, message + PUSH_KEY_AT, auth, message);
    ok = crypto_push_cipher(&push, false, message + PUSH_HEADER, len, ret, tag) &&
         crypto_push_unpad(ret, &len);
    crypto_wipe(&push, sizeof(push));
    *ret_len = len;
    return ok ? (char *) ret : NULL;
}
