/* The HTTPS listener: connections, requests, and the faults done to them. */
#ifndef SANDBOX_HTTPS_H
#define SANDBOX_HTTPS_H

#include "sandbox/sandbox.h"

struct https;

/* NULL with *reterr static when the address cannot be bound. */
struct https *https_create(struct sandbox *sandbox, const char *address, const char **reterr);
int https_port(const struct https *https);

/* Announce the script's HTTP/2 settings on all open connections. */
void https_change_settings(struct https *https);

/* Stops listening; its connections must be gone (sock_net_destroy()). */
void https_destroy(struct https *https);

#endif
