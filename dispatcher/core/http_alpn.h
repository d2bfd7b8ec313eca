/* Offers HTTP/2 in the TLS handshake of a connection that libcurl sets up. */
#ifndef CORE_HTTP_ALPN_H
#define CORE_HTTP_ALPN_H

#include <stdbool.h>

/* ctx: the SSL_CTX of one connection. *is_http2 is set when its handshake is done. */
bool http_alpn_offer(void *ctx, bool *is_http2);

#endif
