/*
 * Signed credentials: one a account or audience, made or exchanged once for all that wait, renewed
 * in time.
 */
#ifndef DELIVERY_CREDENTIAL_H
#define DELIVERY_CREDENTIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/http.h"
#include "core/loop.h"
#include "delivery/account.h"
#include "delivery/delivery.h"

struct credential;

/*
 * Called for each delivery that waited for an exchange: failure is NULL when there is a credential
 * now (ask again), else why there is none.
 */
typedef void (*credential_ready_fn)(void *user, struct delivery *delivery,
                                    const struct outcome *failure,
                                    const struct wire_answer *answer);

struct credential_source
{
    struct loop *loop;
    struct http *http;
    credential_ready_fn ready;
    void *user;
};

enum credential_state
{
    CREDENTIAL_READY,   /* delivery->credential is set (or none is needed) */
    CREDENTIAL_WAITING, /* ready is called later */
    CREDENTIAL_FAILED   /* *reterr says why */
};

/* Give the delivery the credential of its account. */
enum credential_state credential_get(const struct credential_source *source,
                                     struct delivery *delivery, struct provider_error *reterr);

/* A provider refused this credential: the next credential_get() makes a new one. */
void credential_refuse(struct account *account, const char *refused);

/* Forget an exchange under way, whose callback will not come any more. */
void credential_cancel(struct account *account);

/* For account.c. */
void credential_destroy(struct credential *credential);

#endif
