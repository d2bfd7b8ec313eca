/* The parts of a mail and the sender's settings, as every mail provider needs them. */
#ifndef PROVIDERS_EMAIL_H
#define PROVIDERS_EMAIL_H

#include <stdbool.h>

#include "core/arena.h"
#include "providers/provider.h"

/* NULL: absent; text or html is there. */
struct email_parts
{
    const char *subject;
    const char *text;
    const char *html;
    const char *reply_to; /* of the message, else of the account */
    const char *unsubscribe_url;
};

/*
 * Read and check address and parts. False with *reterr: token_invalid for an address that is no
 * mailbox, content for the rest.
 */
bool email_read(const struct message *message, const struct settings *settings, struct arena *arena,
                struct email_parts *ret, struct provider_error *reterr);

/* Check the settings from, from_name and reply_to. */
bool email_check_settings(const struct settings *settings, struct arena *arena,
                          struct provider_error *reterr);

#endif
