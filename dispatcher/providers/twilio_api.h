/* What Twilio's resources share: sign-in, status callbacks, codes. */
#ifndef PROVIDERS_TWILIO_API_H
#define PROVIDERS_TWILIO_API_H

#include <stdbool.h>

#include "core/buf.h"
#include "core/wire.h"
#include "providers/provider.h"

#define TWILIO_TIMEOUT_MS 30000
#define TWILIO_FORM_BYTES_MAX 65536

/* Two letters and 32 hexadecimal digits? */
bool twilio_is_sid(const char *text, const char *prefix);

/* Check account_sid, key_sid and status_callback. */
bool twilio_check_account(const struct settings *settings, struct arena *arena,
                          struct provider_error *reterr);

/* Check the message's address. */
bool twilio_check_address(const struct message *message, struct arena *arena,
                          struct provider_error *reterr);

/* Append StatusCallback when the account has one; the delivery id becomes its parameter nid. */
void twilio_add_callback(struct buf *form, const struct settings *settings,
                         const struct message *message, struct arena *arena);

/* Make the request to a resource of the account ("Messages.json"); releases the form. */
bool twilio_finish(struct wire_request *ret, const struct settings *settings, const char *resource,
                   struct buf *form, struct arena *arena, struct provider_error *reterr);

/* Judge an answer: the code decides first, the status when no table has it. */
void twilio_classify(const struct settings *settings, const struct message *message,
                     const struct wire_answer *answer, struct arena *arena, struct outcome *ret);

#endif
