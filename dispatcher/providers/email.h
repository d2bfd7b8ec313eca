/* The parts of a mail and the sender's settings, as every mail provider needs them. */
#ifndef PROVIDERS_EMAIL_H
#define PROVIDERS_EMAIL_H

#include <stdbool.h>

#include "core/arena.h"
#include "core/wire.h"
#include "providers/email_header.h"
#include "providers/provider.h"

/* NULL: absent; text or html is there. */
struct email_parts
{
    const char *from; /* of the category, else of the account */
    const char *from_name;
    const char *subject;
    const char *text;
    const char *html;
    const char *reply_to; /* of the message, else of the account */
    /* One-click unsubscription (RFC 8058), then the template's own. */
    struct wire_header headers[EMAIL_HEADERS_MAX + 2];
    size_t header_count;
};

/*
 * Read and check address and parts, and choose the sender. False with *reterr: token_invalid for an
 * address that is no mailbox, content for the rest.
 */
bool email_read(const struct message *message, const struct settings *settings, struct arena *arena,
                struct email_parts *ret, struct provider_error *reterr);

/*
 * Set the whole mail as RFC 5322 and MIME as the request's body, in pieces. False with *reterr
 * (class content) when it is too large.
 */
bool email_build(const struct message *message, const struct email_parts *parts,
                 struct arena *arena, struct wire_request *ret, struct provider_error *reterr);

/*
 * Print a document as the body (it is destroyed), with what is attached as base64 in its empty
 * members "content", in the order of the attachments.
 */
void email_set_json(struct wire_request *request, json *document,
                    const struct message_attachment *attachments, size_t count,
                    struct arena *arena);

/* Check the settings from, from_name, from_by_category and reply_to. */
bool email_check_settings(const struct settings *settings, struct arena *arena,
                          struct provider_error *reterr);

#endif
