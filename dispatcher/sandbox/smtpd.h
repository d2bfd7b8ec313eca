/* The SMTP listener: connections, their sessions, and the faults done to them. */
#ifndef SANDBOX_SMTPD_H
#define SANDBOX_SMTPD_H

#include "sandbox/sandbox.h"

struct smtpd;

/* NULL with *reterr static when the address cannot be bound. */
struct smtpd *smtpd_create(struct sandbox *sandbox, const char *address, const char **reterr);
int smtpd_port(const struct smtpd *smtpd);

/* Stops listening; its connections must be gone (sock_net_destroy()). */
void smtpd_destroy(struct smtpd *smtpd);

#endif
