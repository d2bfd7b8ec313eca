/* core/crypto.c against published and own vectors, and the keys it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "core/arena.h"
#include "core/crypto.h"

static struct arena *arena;

static int
set_up(void **state)
{
    (void) state;
    arena = arena_create();
    return 0;
}

static int
tear_down(void **state)
{
    (void) state;
    arena_destroy(arena);
    return 0;
}

static const char *
hex(const uint8_t *data, size_t len)
{
    char *ret = arena_alloc(arena, len * 2 + 1);

    for (size_t i = 0; i < len; i++)
    {
        snprintf(ret + i * 2, 3, "%02x", data[i]);
    }
    return ret;
}

/* A key in PEM form; the private one encrypted when there is a passphrase. */
static char *
key_pem(EVP_PKEY *key, bool private_key, const char *passphrase)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    char *ret;
    long len;
    int rc;

    rc = private_key ? PEM_write_bio_PKCS8PrivateKey(
                           bio, key, passphrase != NULL ? EVP_aes_128_cbc() : NULL, passphrase,
                           passphrase != NULL ? (int) strlen(passphrase) : 0, NULL, NULL)
                     : PEM_write_bio_PUBKEY(bio, key);
    assert_int_equal(rc, 1);
    len = BIO_get_mem_data(bio, &data);
    ret = arena_strndup(arena, data, (size_t) len);
    BIO_free(bio);
    return ret;
}

static void
test_sha256(void **state)
{
    uint8_t digest[32];

    (void) state;
    crypto_sha256("abc", 3, digest);
    assert_string_equal(hex(digest, 32),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    crypto_sha256("", 0, digest);
    assert_string_equal(hex(digest, 32),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* RFC 4231, cases 1, 2 and 6 */
static void
test_hmac(void **state)
{
    uint8_t key[131];
    uint8_t digest[32];
    const char *long_key_text = "Test Using Larger Than Block-Size Key - Hash Key First";

    (void) state;
    memset(key, 0x0b, 20);
    crypto_hmac_sha256(key, 20, "Hi There", 8, digest);
    assert_string_equal(hex(digest, 32),
                        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    crypto_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, digest);
    assert_string_equal(hex(digest, 32),
                        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, 131);
    crypto_hmac_sha256(key, 131, long_key_text, strlen(long_key_text), digest);
    assert_string_equal(hex(digest, 32),
                        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    crypto_hmac_sha256(NULL, 0, "", 0, digest);
    assert_string_equal(hex(digest, 32),
                        "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* A signed webhook: the key is the decoded secret. */
static void
test_webhook_vector(void **state)
{
    const char *signed_text = "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}";
    uint8_t digest[32];
    uint8_t *key;
    size_t len;

    (void) state;
    key = crypto_base64_decode(arena, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &len);
    assert_non_null(key);
    assert_int_equal(len, 24);
    crypto_hmac_sha256(key, len, signed_text, strlen(signed_text), digest);
    assert_string_equal(crypto_base64(arena, digest, 32),
                        "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

/* RFC 4648, section 10 */
static void
test_base64(void **state)
{
    static const char *const pairs[][3] = {
        { "", "", "" },
        { "f", "Zg==", "Zg" },
        { "fo", "Zm8=", "Zm8" },
        { "foo", "Zm9v", "Zm9v" },
        { "foob", "Zm9vYg==", "Zm9vYg" },
        { "fooba", "Zm9vYmE=", "Zm9vYmE" },
        { "foobar", "Zm9vYmFy", "Zm9vYmFy" },
        { "\xfb\xff\xfe", "+//+", "-__-" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
    {
        const char *plain = pairs[i][0];
        size_t len;

        assert_string_equal(crypto_base64(arena, plain, strlen(plain)), pairs[i][1]);
        assert_string_equal(crypto_base64url(arena, plain, strlen(plain)), pairs[i][2]);
        assert_memory_equal(crypto_base64_decode(arena, pairs[i][1], &len), plain, strlen(plain));
        assert_int_equal(len, strlen(plain));
        assert_memory_equal(crypto_base64url_decode(arena, pairs[i][2], &len), plain,
                            strlen(plain));
        assert_int_equal(len, strlen(plain));
    }
}

static void
test_base64_refused(void **state)
{
    static const char *const padded[] = { "Zg",   "Zg=",  "Zg===",   "Z===",   "====",
                                          "Zh==", "Zm9=", "Zm 9",    "Zm9v\n", "Z=g=",
                                          "-__-", "=Zg=", "Zg==Zg==" };
    static const char *const plain[] = { "Z", "Zh", "Zm9", "Zg==", "+//+", "Zm9vY", " Zm8" };
    size_t len;

    (void) state;
    for (size_t i = 0; i < sizeof(padded) / sizeof(padded[0]); i++)
    {
        assert_null(crypto_base64_decode(arena, padded[i], &len));
    }
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
    {
        assert_null(crypto_base64url_decode(arena, plain[i], &len));
    }
}

/* A token signed elsewhere, R || S form. */
static void
test_es256_vector(void **state)
{
    static const uint8_t prefix[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                      0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                      0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00 };
    const char *point = "BF5_RWAmuX43ebMGtSkdNgrAs_YosZ3jYyw6d1wn9qYScWhPnGdCkvm3_tLpAPP2eh5bTskqzR"
                        "HrcBjsv0sJLNc";
    char *token = arena_strdup(
        arena, "eyJhbGciOiJFUzI1NiIsImtpZCI6IkFCQzEyM0RFRkcifQ."
               "eyJpc3MiOiJERUYxMjNHSElKIiwiaWF0IjoxNzAwMDAwMDAwfQ."
               "uZhu5hGYV9OElIWy0DdoR7ruCGGc6tBbAEfYoWDCDBQcs0JxYzl8CnYgcYakowHNt4cVh7qJx2i6RKiwOy"
               "GqQA");
    uint8_t der[sizeof(prefix) + 65];
    uint8_t *raw;
    size_t len;
    char *pem;
    char *header;
    char *claims;

    (void) state;
    raw = crypto_base64url_decode(arena, point, &len);
    assert_int_equal(len, 65);
    memcpy(der, prefix, sizeof(prefix));
    memcpy(der + sizeof(prefix), raw, 65);
    pem = arena_printf(arena, "-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n",
                       crypto_base64(arena, der, sizeof(der)));
    assert_true(crypto_jwt_verify(arena, JWT_ES256, token, pem, &header, &claims));
    assert_string_equal(header, "{\"alg\":\"ES256\",\"kid\":\"ABC123DEFG\"}");
    assert_string_equal(claims, "{\"iss\":\"DEF123GHIJ\",\"iat\":1700000000}");
    token[60] = token[60] == 'A' ? 'B' : 'A';
    assert_false(crypto_jwt_verify(arena, JWT_ES256, token, pem, &header, &claims));
    assert_false(crypto_jwt_verify(arena, JWT_ES256, "a.b", pem, &header, &claims));
    assert_false(crypto_jwt_verify(arena, JWT_ES256, "a.b.c", pem, &header, &claims));
}

static void
test_es256_round(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    EVP_PKEY *other = EVP_EC_gen("P-256");
    char *private_pem = key_pem(key, true, NULL);
    char *public_pem = key_pem(key, false, NULL);
    const char *error = "unset";

    (void) state;
    /* Often enough to see R or S with leading zeros. */
    for (int i = 0; i < 600; i++)
    {
        char *claims = arena_printf(arena, "{\"iat\":%d}", i);
        char *token =
            crypto_jwt(arena, JWT_ES256, "{\"alg\":\"ES256\"}", claims, private_pem, &error);
        char *ret_header;
        char *ret_claims;

        assert_non_null(token);
        assert_int_equal(strlen(strrchr(token, '.') + 1), 86);
        assert_true(
            crypto_jwt_verify(arena, JWT_ES256, token, public_pem, &ret_header, &ret_claims));
        assert_string_equal(ret_claims, claims);
        assert_false(crypto_jwt_verify(arena, JWT_ES256, token, key_pem(other, false, NULL),
                                       &ret_header, &ret_claims));
    }
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

static void
test_rs256_round(void **state)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    char *private_pem = key_pem(key, true, NULL);
    char *public_pem = key_pem(key, false, NULL);
    const char *error = NULL;
    char *header;
    char *claims;
    char *token = crypto_jwt(arena, JWT_RS256, "{\"alg\":\"RS256\"}", "{}", private_pem, &error);

    (void) state;
    assert_non_null(token);
    /* Deterministic. */
    assert_string_equal(
        token, crypto_jwt(arena, JWT_RS256, "{\"alg\":\"RS256\"}", "{}", private_pem, &error));
    assert_true(crypto_jwt_verify(arena, JWT_RS256, token, public_pem, &header, &claims));
    assert_string_equal(header, "{\"alg\":\"RS256\"}");
    assert_false(crypto_jwt_verify(arena, JWT_ES256, token, public_pem, &header, &claims));
    EVP_PKEY_free(key);
}

static void
assert_refused(enum jwt_algorithm algorithm, const char *pem, const char *reason)
{
    const char *error = NULL;

    assert_false(crypto_check_key(algorithm, pem, &error));
    assert_string_equal(error, reason);
    error = NULL;
    assert_null(crypto_jwt(arena, algorithm, "{}", "{}", pem, &error));
    assert_string_equal(error, reason);
}

static void
test_keys_refused(void **state)
{
    EVP_PKEY *p256 = EVP_EC_gen("P-256");
    EVP_PKEY *p384 = EVP_EC_gen("P-384");
    EVP_PKEY *rsa512 = EVP_RSA_gen(512);
    EVP_PKEY *rsa2048 = EVP_RSA_gen(2048);
    const char *error = "unset";
    char *cut = key_pem(p256, true, NULL);

    (void) state;
    assert_true(crypto_check_key(JWT_ES256, key_pem(p256, true, NULL), &error));
    assert_null(error);
    assert_true(crypto_check_key(JWT_RS256, key_pem(rsa2048, true, NULL), &error));
    cut[strlen(cut) / 2] = '\0';
    assert_refused(JWT_ES256, cut, "the key is not a private key in PEM form");
    assert_refused(JWT_ES256, "", "the key is not a private key in PEM form");
    assert_refused(JWT_ES256, key_pem(p256, false, NULL),
                   "the key is not a private key in PEM form");
    assert_refused(JWT_ES256, key_pem(p256, true, "hunter2"),
                   "the key is protected by a passphrase");
    assert_refused(JWT_ES256, key_pem(p384, true, NULL), "the key is not on the curve P-256");
    assert_refused(JWT_ES256, key_pem(rsa2048, true, NULL), "the key is not an elliptic curve key");
    assert_refused(JWT_RS256, key_pem(p256, true, NULL), "the key is not an RSA key");
    assert_refused(JWT_RS256, key_pem(rsa512, true, NULL), "the RSA key is shorter than 2048 bits");
    EVP_PKEY_free(p256);
    EVP_PKEY_free(p384);
    EVP_PKEY_free(rsa512);
    EVP_PKEY_free(rsa2048);
}

static void
test_equal_random_wipe(void **state)
{
    uint8_t a[64] = { 0 };
    uint8_t b[64] = { 0 };

    (void) state;
    assert_true(crypto_equal(a, b, 64));
    crypto_random(a, sizeof(a));
    crypto_random(b, sizeof(b));
    assert_false(crypto_equal(a, b, 64));
    crypto_wipe(a, sizeof(a));
    for (size_t i = 0; i < sizeof(a); i++)
    {
        assert_int_equal(a[i], 0);
    }
}

/* RFC 8291, section 5 and appendix A */
static const char push_private[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCCrV1enDdSlPlU6a79x\n"
    "/+/qKHTsB6azeePEj4laAtwz3g==\n"
    "-----END PRIVATE KEY-----\n";
static const char push_public[] =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
static const char push_text[] = "When I grow up, I want to be a watermelon";

static uint8_t *
decoded(const char *text)
{
    size_t len;
    uint8_t *ret = crypto_base64url_decode(arena, text, &len);

    assert_non_null(ret);
    return ret;
}

static const uint8_t *
push_random(void)
{
    uint8_t *random = arena_alloc(arena, CRYPTO_PUSH_RANDOM_BYTES);

    memcpy(random, decoded("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), 32);
    memcpy(random + 32, decoded("DGv6ra1nlYgDCS1FRnbzlw"), 16);
    return random;
}

static void
test_push_vector(void **state)
{
    const uint8_t *auth = decoded("BTBZMqHH6r4Tts7J_aSIgg");
    uint8_t point[CRYPTO_POINT_BYTES];
    const char *error = NULL;
    uint8_t *message;
    size_t len;

    (void) state;
    message = crypto_push_encrypt(arena, decoded(push_public), auth, push_random(), push_text,
                                  strlen(push_text), &len);
    assert_non_null(message);
    assert_int_equal(len, 144);
    assert_string_equal(crypto_base64url(arena, message, len),
                        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgD"
                        "ll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt"
                        "2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN");
    assert_string_equal(crypto_push_decrypt(arena, push_private, auth, message, len, &len),
                        push_text);
    assert_int_equal(len, strlen(push_text));
    assert_true(crypto_public_point(push_private, point, &error));
    assert_string_equal(crypto_base64url(arena, point, sizeof(point)), push_public);
    assert_false(crypto_public_point("-----BEGIN", point, &error));
    assert_non_null(strstr(error, "not a private key"));
}

static void
test_push_lengths(void **state)
{
    const uint8_t *auth = decoded("BTBZMqHH6r4Tts7J_aSIgg");
    char *text = arena_alloc(arena, CRYPTO_PUSH_TEXT_MAX + 2);
    uint8_t *message;
    size_t len;

    (void) state;
    memset(text, 'x', CRYPTO_PUSH_TEXT_MAX + 1);
    assert_null(crypto_push_encrypt(arena, decoded(push_public), auth, push_random(), text,
                                    CRYPTO_PUSH_TEXT_MAX + 1, &len));
    text[CRYPTO_PUSH_TEXT_MAX] = '\0';
    message = crypto_push_encrypt(arena, decoded(push_public), auth, push_random(), text,
                                  CRYPTO_PUSH_TEXT_MAX, &len);
    assert_int_equal(len, 4096);
    assert_string_equal(crypto_push_decrypt(arena, push_private, auth, message, len, &len), text);
    message = crypto_push_encrypt(arena, decoded(push_public), auth, push_random(), "", 0, &len);
    assert_int_equal(len, 103);
    assert_string_equal(crypto_push_decrypt(arena, push_private, auth, message, len, &len), "");
}

static void
test_push_refused(void **state)
{
    static const uint8_t zeros[CRYPTO_PUSH_RANDOM_BYTES];
    const uint8_t *auth = decoded("BTBZMqHH6r4Tts7J_aSIgg");
    uint8_t *point = decoded(push_public);
    uint8_t *message;
    size_t len;
    size_t ignored;

    (void) state;
    assert_true(crypto_is_point(point));
    assert_null(crypto_push_encrypt(arena, point, auth, zeros, "x", 1, &len));
    message = crypto_push_encrypt(arena, point, auth, push_random(), "x", 1, &len);
    for (size_t i = 0; i < len; i++)
    {
        message[i] ^= 1;
        /* A record size that still fits is as good as another. */
        if (i < 16 || i > 19)
        {
            assert_null(crypto_push_decrypt(arena, push_private, auth, message, len, &ignored));
        }
        message[i] ^= 1;
        assert_null(crypto_push_decrypt(arena, push_private, auth, message, i, &ignored));
    }
    assert_non_null(crypto_push_decrypt(arena, push_private, auth, message, len, &ignored));
    message[18] = 0;
    message[19] = 17;
    assert_null(crypto_push_decrypt(arena, push_private, auth, message, len, &ignored));
    point[64] ^= 1;
    assert_false(crypto_is_point(point));
    assert_null(crypto_push_encrypt(arena, point, auth, push_random(), "x", 1, &len));
    memset(point, 0, CRYPTO_POINT_BYTES);
    assert_false(crypto_is_point(point));
}

/* RFC 8292, section 2.4 */
static void
test_vapid_vector(void **state)
{
    const char *key = "-----BEGIN PUBLIC KEY-----\n"
                      "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEDUfHPKLVFQzVvnCPGyfucbECzPDa\n"
                      "7rWbXriLcysAjEcXpgrmHhINiJz51G5T9EI8J8Dlqr2iNLCTljYSYKUE+w==\n"
                      "-----END PUBLIC KEY-----\n";
    const char *token = "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBs"
                        "ZS5uZXQiLCJleHAiOjE0NTM1MjM3NjgsInN1YiI6Im1haWx0bzpwdXNoQGV4YW1wbGUuY29t"
                        "In0.i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjj"
                        "vW2L9OkSSHzvoD1oA";
    char *header;
    char *claims;

    (void) state;
    assert_true(crypto_jwt_verify(arena, JWT_ES256, token, key, &header, &claims));
    assert_string_equal(claims, "{\"aud\":\"https://push.example.net\",\"exp\":1453523768,"
                                "\"sub\":\"mailto:push@example.com\"}");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sha256, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hmac, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_webhook_vector, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_base64, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_base64_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_es256_vector, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_es256_round, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rs256_round, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keys_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_equal_random_wipe, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_push_vector, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_push_lengths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_push_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_vapid_vector, set_up, tear_down),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
