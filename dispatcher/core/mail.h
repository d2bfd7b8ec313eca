/* Sends mail over pooled SMTP connections, one exchange at a time on each; part of core/http.h. */
#ifndef CORE_MAIL_H
#define CORE_MAIL_H

#include "core/http.h"

struct mail;

/* max_connections: for each account at a server. */
struct mail *mail_create(struct loop *loop, struct http *http, int max_connections);

/* Cancel what is in flight (no callbacks), close all connections. */
void mail_destroy(struct mail *mail);

/* As http_start(), for a checked request of kind WIRE_MAIL. */
void mail_start(struct mail *mail, const struct wire_request *request,
                const struct http_options *options, struct arena *arena, http_done_fn done,
                void *user);

size_t mail_in_flight(const struct mail *mail);

#endif
