/* TLS for the sandbox's listeners, and the keys and certificates it makes for itself. */
#ifndef SANDBOX_TLS_H
#define SANDBOX_TLS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"

struct tls_server; /* certificate and settings of all connections */
struct tls;        /* one connection */

enum tls_result
{
    TLS_DONE,
    TLS_WANT_READ,
    TLS_WANT_WRITE,
    TLS_END, /* the peer closed */
    TLS_FAILED
};

/* NULL with *reterr (static) when certificate or key are unusable. alpn: offer h2 and http/1.1. */
struct tls_server *tls_server_create(const char *cert_pem, const char *key_pem, bool alpn,
                                     const char **reterr);
void tls_server_destroy(struct tls_server *server);

/* A server side on a nonblocking descriptor. */
struct tls *tls_create(struct tls_server *server, int fd);
void tls_destroy(struct tls *tls);

enum tls_result tls_handshake(struct tls *tls);
enum tls_result tls_read(struct tls *tls, void *data, size_t size, size_t *ret_len);
enum tls_result tls_write(struct tls *tls, const void *data, size_t len, size_t *ret_len);

/* Send close_notify, as far as the socket takes it. */
void tls_shutdown(struct tls *tls);

/* Did the peer choose HTTP/2? Valid after the handshake. */
bool tls_is_h2(const struct tls *tls);

/* New private keys in PKCS#8 PEM; NULL when OpenSSL fails. */
char *tls_new_ec_key(struct arena *arena);
char *tls_new_rsa_key(struct arena *arena);

/* The public key of a private one, both PEM; NULL when malformed. */
char *tls_public_key(struct arena *arena, const char *private_pem);

/*
 * A certificate authority and a server certificate for localhost, 127.0.0.1, ::1 and the
 * comma-separated extra names (NULL: none).
 */
bool tls_new_certificate(struct arena *arena, const char *names, char **ret_ca, char **ret_cert,
                         char **ret_key);

/* Does the certificate cover each of the comma-separated names, and is it valid for a day more? */
bool tls_certificate_covers(const char *cert_pem, const char *names);

#endif
