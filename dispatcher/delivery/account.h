/* Accounts at providers: loaded from the database, checked, kept running while they do not change.
 */
#ifndef DELIVERY_ACCOUNT_H
#define DELIVERY_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/db.h"
#include "core/http.h"
#include "delivery/breaker.h"
#include "delivery/delivery.h"
#include "delivery/limit.h"
#include "providers/provider.h"

struct credential;

/* How an account does. */
struct account_report
{
    const char *state; /* closed, probing, open; NULL: nothing was told yet */
    enum breaker_reason reason;
    int64_t until_ms;
};

struct account
{
    struct account *next;
    struct arena *arena;
    size_t references; /* the list's, and one for each delivery and exchange under way */
    const char *name;
    const struct provider *provider;
    struct settings *settings;
    struct http_options http;
    int rank;
    int concurrency;
    uint8_t fingerprint[32]; /* of everything above; an unchanged account keeps running */

    struct breaker breaker;
    struct limit limit;
    bool limit_asked;              /* for requests of the day */
    int64_t limit_ask_ms;          /* not before */
    int64_t paused_until_ms;       /* by an operator, loop time; 0: not */
    struct account_report report;  /* what the database was told last */
    int in_flight;                 /* slots taken */
    struct delivery_queue queue;   /* claimed, waiting for a slot */
    bool removed;                  /* out of the list, only finishes what is in flight */
    struct credential *credential; /* the first; owned by credential.c */
};

/* Columns of herald.provider_list() for one account. */
struct account_row
{
    const char *name;
    const char *kind;
    const char *channel;  /* NULL: as the provider says */
    const char *settings; /* JSON objects */
    const char *secrets;
    const char *rank;
    const char *concurrency;
    const char *pause_ms; /* NULL: nobody paused it, -1: until it is resumed */
};

/*
 * Build an account at a provider (NULL: the row's kind is unknown), resolving its secrets; one
 * reference is the caller's. NULL with *ret_reason (in the given arena, no secret in it) when it
 * cannot be used.
 */
struct account *account_build(const struct provider *provider, const struct account_row *row,
                              struct arena *arena, const char **ret_reason);

void account_retain(struct account *account);
void account_release(struct account *account);

/* Why an account cannot be used, as it was told. */
struct complaint
{
    struct complaint *next;
    char *name;
    char *reason;
};

/* The accounts in use, lowest rank first within a channel. */
struct accounts
{
    struct account *first;
    size_t broken; /* configured, but unusable at the last load */
    struct complaint *complaints;
    struct limit_share share; /* of this dispatcher in all limits */
    bool changed;             /* since the database was told how they do */
};

/* Row `row` of herald.provider_list(). */
#define ACCOUNT_LIST_SQL                                                                           \
    "select name, kind, channel, settings, secrets, rank, concurrency, pause_ms"                   \
    " from herald.provider_list()"
struct account_row account_row_of(const struct db_result *result, int row);

/*
 * Replace the list by what the result of ACCOUNT_LIST_SQL says. An account that did not change is
 * kept; one whose new form is unusable keeps its old form, and a line is logged. What is no longer
 * used is handed to `removed`, which must empty its queue.
 */
typedef void (*account_removed_fn)(void *user, struct account *account);
void accounts_load(struct accounts *accounts, const struct db_result *result, int64_t now_ms,
                   account_removed_fn removed, void *user);

/* Limits are shared by so many dispatchers now. */
void accounts_set_share(struct accounts *accounts, const struct limit_share *share, int64_t now_ms);

/* Time for which the account must not be used; of a pause without a near end until another look. */
int64_t account_pause_ms(const struct account *account, int64_t now_ms);

/* Is the one request that finds out whether it works again under way or about to be? */
bool account_is_taken(const struct account *account, int64_t now_ms);

/* Drop all accounts; after the HTTP client is gone. */
void accounts_finish(struct accounts *accounts);

#endif
