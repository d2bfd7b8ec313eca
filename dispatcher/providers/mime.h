/* Builds one mail as RFC 5322 and MIME: 7-bit lines with CRLF, the same bytes for the same input.
 */
#ifndef PROVIDERS_MIME_H
#define PROVIDERS_MIME_H

#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/wire.h"
#include "providers/mime_text.h"
#include "providers/provider.h"

/* Mailboxes are checked by the caller with address_check_mailbox(). */
struct mime_mail
{
    const char *delivery_id; /* makes the Message-ID and the boundary: stable over attempts */
    int64_t now_s;
    const char *from;
    const char *from_name; /* NULL: none */
    const char *to;
    const char *reply_to; /* NULL: none */
    const char *subject;
    const char *text;                  /* NULL: none; text or html is required */
    const char *html;                  /* NULL: none */
    const struct wire_header *headers; /* more of them; words apart by one blank */
    size_t header_count;
    const struct message_attachment *attachments;
    size_t attachment_count;
};

/*
 * Set the whole message as the request's body, in pieces. Attachments that are inline stand beside
 * the HTML part; without one they are attached as the others are. False with *reterr (class
 * content) when a value for a header holds control characters or the message is too large.
 */
bool mime_build(struct arena *arena, const struct mime_mail *mail, struct wire_request *ret,
                struct provider_error *reterr);

#endif
