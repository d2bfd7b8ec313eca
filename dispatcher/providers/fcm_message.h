/* What FCM is sent. */
#ifndef PROVIDERS_FCM_MESSAGE_H
#define PROVIDERS_FCM_MESSAGE_H

#include "core/arena.h"
#include "core/json.h"
#include "providers/provider.h"
#include "providers/push.h"

/* The document of messages:send, own it; NULL with *reterr when a part cannot be sent. */
json *fcm_make_document(const struct message *message, const struct push_parts *parts,
                        struct arena *arena, struct provider_error *reterr);

#endif
