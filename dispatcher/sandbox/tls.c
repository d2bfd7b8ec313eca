/* OpenSSL: server connections, key and certificate generation. */
#include "sandbox/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/mem.h"

#define TLS_READ_AHEAD 65536
#define CERT_DAYS 3650

struct tls_server
{
    SSL_CTX *ctx;
};

struct tls
{
    SSL *ssl;
};

static int
choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
            unsigned int in_len, void *arg)
{
    static const unsigned char offered[] = "\x02h2\x08http/1.1";
    unsigned char *chosen;

    (void) ssl;
    (void) arg;
    if (SSL_select_next_proto(&chosen, out_len, offered, sizeof(offered) - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
    {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static X509 *
read_cert(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

    BIO_free(bio);
    return cert;
}

static EVP_PKEY *
read_key(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;

    BIO_free(bio);
    return key;
}

struct tls_server *
tls_server_create(const char *cert_pem, const char *key_pem, bool alpn, const char **reterr)
{
    struct tls_server *server = mem_alloc(sizeof(*server));
    X509 *cert = read_cert(cert_pem);
    EVP_PKEY *key = read_key(key_pem);
    bool ok;

    server->ctx = SSL_CTX_new(TLS_server_method());
    ok = server->ctx != NULL && cert != NULL && key != NULL &&
         SSL_CTX_set_min_proto_version(server->ctx, TLS1_2_VERSION) == 1 &&
         SSL_CTX_use_certificate(server->ctx, cert) == 1 &&
         SSL_CTX_use_PrivateKey(server->ctx, key) == 1;
    X509_free(cert);
    EVP_PKEY_free(key);
    if (!ok)
    {
        tls_server_destroy(server);
        *reterr = "the server certificate or its key cannot be used";
        return NULL;
    }
    SSL_CTX_set_mode(server->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(server->ctx, 1);
    SSL_CTX_set_default_read_buffer_len(server->ctx, TLS_READ_AHEAD);
    if (alpn)
    {
        SSL_CTX_set_alpn_select_cb(server->ctx, choose_alpn, NULL);
    }
    return server;
}

void
tls_server_destroy(struct tls_server *server)
{
    if (server == NULL)
    {
        return;
    }
    SSL_CTX_free(server->ctx);
    free(server);
}

struct tls *
tls_create(struct tls_server *server, int fd)
{
    struct tls *tls = mem_alloc(sizeof(*tls));

    tls->ssl = SSL_new(server->ctx);
    if (tls->ssl == NULL || SSL_set_fd(tls->ssl, fd) != 1)
    {
        abort();
    }
    SSL_set_accept_state(tls->ssl);
    return tls;
}

void
tls_destroy(struct tls *tls)
{
    if (tls == NULL)
    {
        return;
    }
    SSL_free(tls->ssl);
    free(tls);
}

static enum tls_result
result_of(struct tls *tls, int rc)
{
    switch (SSL_get_error(tls->ssl, rc))
    {
        case SSL_ERROR_WANT_READ:
            return TLS_WANT_READ;
        case SSL_ERROR_WANT_WRITE:
            return TLS_WANT_WRITE;
        case SSL_ERROR_ZERO_RETURN:
            return TLS_END;
        default:
            ERR_clear_error();
            return TLS_FAILED;
    }
}

enum tls_result
tls_handshake(struct tls *tls)
{
    int rc;

    ERR_clear_error();
    rc = SSL_do_handshake(tls->ssl);
    return rc == 1 ? TLS_DONE : result_of(tls, rc);
}

enum tls_result
tls_read(struct tls *tls, void *data, size_t size, size_t *ret_len)
{
    int rc;

    ERR_clear_error();
    rc = SSL_read_ex(tls->ssl, data, size, ret_len);
    return rc == 1 ? TLS_DONE : result_of(tls, rc);
}

enum tls_result
tls_write(struct tls *tls, const void *data, size_t len, size_t *ret_len)
{
    int rc;

    ERR_clear_error();
    rc = SSL_write_ex(tls->ssl, data, len, ret_len);
    return rc == 1 ? TLS_DONE : result_of(tls, rc);
}

void
tls_shutdown(struct tls *tls)
{
    ERR_clear_error();
    if (SSL_is_init_finished(tls->ssl))
    {
        SSL_shutdown(tls->ssl);
    }
    ERR_clear_error();
}

bool
tls_is_h2(const struct tls *tls)
{
    const unsigned char *name;
    unsigned int len;

    SSL_get0_alpn_selected(tls->ssl, &name, &len);
    return len == 2 && memcmp(name, "h2", 2) == 0;
}

/* The text of a memory BIO in the arena; frees the BIO. NULL stays NULL. */
static char *
take_text(struct arena *arena, BIO *bio, bool ok)
{
    char *data;
    char *text = NULL;

    if (bio != NULL && ok)
    {
        long len = BIO_get_mem_data(bio, &data);

        text = arena_strndup(arena, data, (size_t) len);
    }
    BIO_free(bio);
    return text;
}

static char *
key_text(struct arena *arena, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = key != NULL && bio != NULL &&
              PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;

    return take_text(arena, bio, ok);
}

char *
tls_new_ec_key(struct arena *arena)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    char *text = key_text(arena, key);

    EVP_PKEY_free(key);
    return text;
}

char *
tls_new_rsa_key(struct arena *arena)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    char *text = key_text(arena, key);

    EVP_PKEY_free(key);
    return text;
}

char *
tls_public_key(struct arena *arena, const char *private_pem)
{
    EVP_PKEY *key = read_key(private_pem);
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = key != NULL && bio != NULL && PEM_write_bio_PUBKEY(bio, key) == 1;

    EVP_PKEY_free(key);
    return take_text(arena, bio, ok);
}

static bool
add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;
    bool ok;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ok = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

/* A certificate with a random serial, not yet signed; issuer NULL: its own. */
static X509 *
new_cert(const char *name, EVP_PKEY *key, X509 *issuer)
{
    X509 *cert = X509_new();
    uint64_t serial;
    X509_NAME *subject;

    if (cert == NULL || RAND_bytes((unsigned char *) &serial, sizeof(serial)) != 1)
    {
        abort();
    }
    subject = X509_get_subject_name(cert);
    X509_set_version(cert, 2);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -86400);
    X509_gmtime_adj(X509_getm_notAfter(cert), (long) CERT_DAYS * 86400);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *) name, -1, -1,
                               0);
    X509_set_issuer_name(cert, X509_get_subject_name(issuer != NULL ? issuer : cert));
    X509_set_pubkey(cert, key);
    return cert;
}

static char *
cert_text(struct arena *arena, X509 *cert)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = bio != NULL && PEM_write_bio_X509(bio, cert) == 1;

    return take_text(arena, bio, ok);
}

/* "DNS:localhost,IP:127.0.0.1,IP:::1,DNS:…" */
static char *
alternative_names(struct arena *arena, const char *names)
{
    char *text = arena_strdup(arena, "DNS:localhost,IP:127.0.0.1,IP:::1");

    while (names != NULL && *names != '\0')
    {
        size_t len = strcspn(names, ",");

        text = arena_printf(arena, "%s,DNS:%.*s", text, (int) len, names);
        names += len + (names[len] == ',');
    }
    return text;
}

bool
tls_new_certificate(struct arena *arena, const char *names, char **ret_ca, char **ret_cert,
                    char **ret_key)
{
    EVP_PKEY *ca_key = EVP_EC_gen("P-256");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *ca = NULL;
    X509 *cert = NULL;
    bool ok = false;

    if (ca_key == NULL || key == NULL)
    {
        goto out;
    }
    ca = new_cert("herald-sandbox test authority", ca_key, NULL);
    cert = new_cert("localhost", key, ca);
    ok = add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
         add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") &&
         add_extension(ca, ca, NID_subject_key_identifier, "hash") &&
         X509_sign(ca, ca_key, EVP_sha256()) > 0 &&
         add_extension(cert, ca, NID_basic_constraints, "critical,CA:FALSE") &&
         add_extension(cert, ca, NID_key_usage, "critical,digitalSignature") &&
         add_extension(cert, ca, NID_ext_key_usage, "serverAuth") &&
         add_extension(cert, ca, NID_subject_alt_name, alternative_names(arena, names)) &&
         add_extension(cert, ca, NID_authority_key_identifier, "keyid") &&
         X509_sign(cert, ca_key, EVP_sha256()) > 0;
    if (ok)
    {
        *ret_ca = cert_text(arena, ca);
        *ret_cert = cert_text(arena, cert);
        *ret_key = key_text(arena, key);
    }
out:
    X509_free(ca);
    X509_free(cert);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
    return ok;
}

bool
tls_certificate_covers(const char *cert_pem, const char *names)
{
    X509 *cert = read_cert(cert_pem);
    time_t tomorrow = time(NULL) + 86400;
    bool ok = cert != NULL && X509_cmp_time(X509_get0_notAfter(cert), &tomorrow) > 0;

    while (ok && names != NULL && *names != '\0')
    {
        size_t len = strcspn(names, ",");

        ok = X509_check_host(cert, names, len, 0, NULL) == 1;
        names += len + (names[len] == ',');
    }
    X509_free(cert);
    return ok;
}
