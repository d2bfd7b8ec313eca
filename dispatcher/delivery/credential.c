/* The cache of signed tokens: one a account, or one for each audience of an account. */
#include "delivery/credential.h"

#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "core/log.h"
#include "core/mem.h"

/* An old token is still good for this long after its time to renew, while the renewal runs. */
#define OVERLAP_MS 60000
/* A failed renewal in the background is repeated after this. */
#define RENEW_RETRY_MS 5000
/* Audiences that an account keeps credentials for. */
#define AUDIENCES_MAX 64

struct credential
{
    struct credential *next; /* of another audience; the one used last comes first */
    char *audience;          /* NULL: all */
    char *token;             /* NULL: none */
    int64_t renew_ms;
    int64_t retry_ms;             /* no renewal in the background before */
    struct exchange *exchange;    /* under way */
    struct delivery_list waiting; /* borrowed */
};

struct exchange
{
    const struct credential_source *source;
    struct account *account; /* a reference */
    struct credential *credential;
    struct arena *arena;
    struct wire_request request;
};

static void
forget(struct credential *credential)
{
    if (credential->token != NULL)
    {
        crypto_wipe(credential->token, strlen(credential->token));
        free(credential->token);
        credential->token = NULL;
    }
}

static void
exchange_destroy(struct exchange *exchange)
{
    arena_destroy(exchange->arena);
    account_release(exchange->account);
    free(exchange);
}

void
credential_destroy(struct credential *credential)
{
    while (credential != NULL)
    {
        struct credential *next = credential->next;

        forget(credential);
        free(credential->audience);
        free(credential);
        credential = next;
    }
}

void
credential_cancel(struct account *account)
{
    for (struct credential *c = account->credential; c != NULL; c = c->next)
    {
        if (c->exchange != NULL)
        {
            exchange_destroy(c->exchange);
            c->exchange = NULL;
        }
    }
}

static void
keep(struct credential *credential, const char *token, int64_t valid_s, int64_t now_ms)
{
    forget(credential);
    credential->token = mem_strdup(token);
    credential->renew_ms = now_ms + valid_s * 1000;
}

static void
on_exchanged(void *user, const struct wire_answer *answer)
{
    struct exchange *exchange = user;
    const struct credential_source *source = exchange->source;
    struct account *account = exchange->account;
    struct credential *credential = exchange->credential;
    struct credential_grant grant = { .token = NULL };
    struct outcome outcome;
    struct delivery_list waiting = credential->waiting;
    struct delivery *delivery;
    int64_t now_ms = loop_now_ms(source->loop);

    provider_classify_grant(account->provider, account->settings, answer, exchange->arena, &grant,
                            &outcome);
    credential->exchange = NULL;
    credential->waiting = (struct delivery_list){ NULL, NULL, 0 };
    if (outcome.class == OUTCOME_ACCEPTED)
    {
        keep(credential, grant.token, grant.valid_s, now_ms);
    }
    else
    {
        credential->retry_ms = now_ms + RENEW_RETRY_MS;
        log_event(LOG_WARN, "no credential", "account", account->name, "class",
                  outcome_class_name(outcome.class), "code", outcome.code, "reason", outcome.reason,
                  NULL);
    }
    while ((delivery = delivery_list_shift(&waiting)) != NULL)
    {
        source->ready(source->user, delivery, outcome.class == OUTCOME_ACCEPTED ? NULL : &outcome,
                      answer);
    }
    exchange_destroy(exchange);
}

static struct exchange *
exchange_create(const struct credential_source *source, struct account *account,
                struct credential *credential)
{
    struct exchange *exchange = mem_alloc(sizeof(*exchange));

    exchange->source = source;
    exchange->account = account;
    exchange->credential = credential;
    exchange->arena = arena_create();
    if (exchange->arena == NULL)
    {
        mem_exhausted();
    }
    account_retain(account);
    return exchange;
}

/* Copy an error out of an arena that is about to go. */
static void
copy_error(struct provider_error *error, struct arena *arena)
{
    error->code = arena_strdup(arena, error->code);
    error->reason = arena_strdup(arena, error->reason);
}

/*
 * Sign a token and use it, or start to exchange it for one. False with *reterr, whose strings live
 * in the arena.
 */
static bool
renew(const struct credential_source *source, struct account *account,
      struct credential *credential, struct arena *arena, struct provider_error *reterr)
{
    struct exchange *exchange = exchange_create(source, account, credential);
    struct credential_plan plan = { .exchange_url = NULL };
    const char *error = NULL;
    char *token = NULL;

    *reterr = (struct provider_error){ OUTCOME_CONFIG, "credential", NULL };
    if (account->provider->credential(account->settings, credential->audience,
                                      loop_wall_us(source->loop) / 1000000, exchange->arena, &plan,
                                      reterr))
    {
        token = crypto_jwt(exchange->arena, plan.algorithm, plan.header_json, plan.claims_json,
                           plan.key_pem, &error);
    }
    if (error != NULL)
    {
        reterr->reason = error;
    }
    if (token != NULL && plan.exchange_url == NULL)
    {
        keep(credential, token, plan.valid_s, loop_now_ms(source->loop));
        exchange_destroy(exchange);
        return true;
    }
    if (token == NULL ||
        !account->provider->exchange(account->settings, token, exchange->arena, &exchange->request))
    {
        copy_error(reterr, arena);
        exchange_destroy(exchange);
        return false;
    }
    credential->exchange = exchange;
    http_start(source->http, &exchange->request, &account->http, exchange->arena, on_exchanged,
               exchange);
    return true;
}

/* Renew while the old token still serves; failing is not a failure of this delivery. */
static void
renew_early(const struct credential_source *source, struct delivery *delivery,
            struct credential *credential)
{
    struct provider_error error;
    int64_t now_ms = loop_now_ms(source->loop);

    if (now_ms < credential->renew_ms || now_ms < credential->retry_ms ||
        credential->exchange != NULL)
    {
        return;
    }
    credential->retry_ms = now_ms + RENEW_RETRY_MS;
    renew(source, delivery->account, credential, delivery->arena, &error);
}

/* May its place be taken by another audience? */
static bool
is_idle(const struct credential *credential)
{
    return credential->exchange == NULL && credential->waiting.head == NULL;
}

/* The account's credential for the audience, moved to the front; at first an empty one. */
static struct credential *
find(struct account *account, const char *audience)
{
    struct credential **at = &account->credential;
    struct credential *found;
    int count = 0;

    for (; *at != NULL; at = &(*at)->next)
    {
        const char *known = (*at)->audience;

        if (known == NULL || audience == NULL ? known == audience : strcmp(known, audience) == 0)
        {
            break;
        }
        if (++count >= AUDIENCES_MAX && (*at)->next == NULL && is_idle(*at))
        {
            credential_destroy(*at);
            *at = NULL;
            break;
        }
    }
    found = *at;
    if (found == NULL)
    {
        found = mem_alloc(sizeof(*found));
        found->audience = audience != NULL ? mem_strdup(audience) : NULL;
    }
    else
    {
        *at = found->next;
    }
    found->next = account->credential;
    account->credential = found;
    return found;
}

enum credential_state
credential_get(const struct credential_source *source, struct delivery *delivery,
               struct provider_error *reterr)
{
    struct account *account = delivery->account;
    const struct provider *provider = account->provider;
    const char *audience = NULL;
    struct credential *credential;

    delivery->credential = NULL;
    if (provider->audience != NULL)
    {
        audience = provider->audience(delivery_address(delivery), delivery->arena);
    }
    if (provider->credential == NULL || (provider->audience != NULL && audience == NULL))
    {
        return CREDENTIAL_READY;
    }
    credential = find(account, audience);
    if (credential->token != NULL && loop_now_ms(source->loop) < credential->renew_ms + OVERLAP_MS)
    {
        renew_early(source, delivery, credential);
    }
    else if (credential->exchange == NULL)
    {
        forget(credential);
        if (!renew(source, account, credential, delivery->arena, reterr))
        {
            return CREDENTIAL_FAILED;
        }
    }
    if (credential->token == NULL)
    {
        delivery_list_push(&credential->waiting, delivery);
        return CREDENTIAL_WAITING;
    }
    delivery->credential = arena_strdup(delivery->arena, credential->token);
    return CREDENTIAL_READY;
}

void
credential_refuse(struct account *account, const char *refused)
{
    for (struct credential *c = account->credential; c != NULL; c = c->next)
    {
        if (c->token != NULL && refused != NULL && strcmp(c->token, refused) == 0)
        {
            forget(c);
        }
    }
}
