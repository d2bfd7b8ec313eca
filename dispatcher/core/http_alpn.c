/* OpenSSL behind libcurl. */
#include "core/http_alpn.h"

#include <openssl/ssl.h>
#include <string.h>

static void
on_event(const SSL *ssl, int where, int ret)
{
    bool *is_http2 = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    const unsigned char *name;
    unsigned int len;

    (void) ret;
    if ((where & SSL_CB_HANDSHAKE_DONE) != 0)
    {
        SSL_get0_alpn_selected(ssl, &name, &len);
        *is_http2 = len == 2 && memcmp(name, "h2", 2) == 0;
        SSL_CTX_set_info_callback(SSL_get_SSL_CTX(ssl), NULL);
    }
}

bool
http_alpn_offer(void *ctx, bool *is_http2)
{
    static const unsigned char protocols[] = "\x02h2\x08http/1.1";

    SSL_CTX_set_app_data((SSL_CTX *) ctx, is_http2);
    SSL_CTX_set_info_callback(ctx, on_event);
    return SSL_CTX_set_alpn_protos(ctx, protocols, sizeof(protocols) - 1) == 0;
}
