/* Routing. */
#include "delivery/route.h"

#include <string.h>

/* Smaller is better, field by field. */
struct merit
{
    int64_t pause_ms;
    int rank;
    size_t token; /* place in the order of preference */
};

/* A setting that names what the account serves must agree with the token. */
static bool
agrees(const struct account *account, const char *setting, const char *value)
{
    const char *wanted = settings_get(account->settings, setting);

    return wanted == NULL || value == NULL || strcmp(wanted, value) == 0;
}

static bool
serves(const struct account *account, const struct delivery *delivery,
       const struct delivery_token *token)
{
    const char *issuer = account->provider->issuer;

    if (account->provider->channel != delivery->channel)
    {
        return false;
    }
    if (token == NULL)
    {
        return issuer == NULL;
    }
    return issuer != NULL && strcmp(issuer, token->issuer) == 0 &&
           agrees(account, "app", token->app) && agrees(account, "environment", token->environment);
}

static int
compare(const struct merit *a, const struct merit *b)
{
    if (a->pause_ms != b->pause_ms)
    {
        return a->pause_ms < b->pause_ms ? -1 : 1;
    }
    if (a->rank != b->rank)
    {
        return a->rank < b->rank ? -1 : 1;
    }
    return a->token == b->token ? 0 : a->token < b->token ? -1 : 1;
}

static uint32_t
hash(const char *text)
{
    uint32_t value = 2166136261u;

    for (; *text != '\0'; text++)
    {
        value = (value ^ (unsigned char) *text) * 16777619u;
    }
    value ^= value >> 16;
    value *= 0x85ebca6bu;
    return value ^ value >> 13;
}

struct search
{
    const struct accounts *accounts;
    const struct delivery *delivery;
    int64_t now_ms;
    struct merit best;
    size_t ties; /* accounts as good as the best */
};

static struct merit
merit_of(const struct search *search, const struct account *account,
         const struct delivery_token *token)
{
    struct merit merit = { .pause_ms = breaker_pause_ms(&account->breaker, search->now_ms),
                           .rank = account->rank };

    if (token != NULL)
    {
        merit.token = (size_t) (token - search->delivery->tokens) +
                      (token->suspect ? DELIVERY_TOKENS_MAX : 0);
    }
    return merit;
}

static void
search_best(struct search *search, const struct delivery_token *token)
{
    for (const struct account *a = search->accounts->first; a != NULL; a = a->next)
    {
        struct merit merit;
        int order;

        if (!serves(a, search->delivery, token))
        {
            continue;
        }
        merit = merit_of(search, a, token);
        order = search->ties == 0 ? -1 : compare(&merit, &search->best);
        if (order < 0)
        {
            search->best = merit;
            search->ties = 0;
        }
        search->ties += order <= 0 ? 1 : 0;
    }
}

/* The account with the best merit that the recipient's hash points at. */
static struct account *
pick(const struct search *search, const struct delivery_token *token)
{
    size_t skip = hash(search->delivery->recipient) % search->ties;

    for (struct account *a = search->accounts->first; a != NULL; a = a->next)
    {
        struct merit merit;

        if (!serves(a, search->delivery, token))
        {
            continue;
        }
        merit = merit_of(search, a, token);
        if (compare(&merit, &search->best) == 0 && skip-- == 0)
        {
            return a;
        }
    }
    return NULL;
}

enum route_result
route_choose(const struct accounts *accounts, const struct delivery *delivery, int64_t now_ms,
             struct route *ret)
{
    struct search search = { accounts, delivery, now_ms, { 0, 0, 0 }, 0 };

    if (!delivery->device)
    {
        search_best(&search, NULL);
    }
    for (size_t i = 0; i < delivery->token_count; i++)
    {
        search_best(&search, &delivery->tokens[i]);
    }
    if (search.ties == 0)
    {
        return ROUTE_NONE;
    }
    ret->pause_ms = search.best.pause_ms;
    if (search.best.pause_ms > 0)
    {
        return ROUTE_PAUSED;
    }
    ret->token =
        delivery->device ? &delivery->tokens[search.best.token % DELIVERY_TOKENS_MAX] : NULL;
    ret->account = pick(&search, ret->token);
    return ROUTE_FOUND;
}

bool
route_has_other(const struct accounts *accounts, const struct delivery *delivery,
                const struct delivery_token *token, bool retired)
{
    for (size_t i = 0; i < delivery->token_count; i++)
    {
        const struct delivery_token *other = &delivery->tokens[i];

        for (const struct account *a = accounts->first; a != NULL && other != token; a = a->next)
        {
            if ((retired || !other->suspect) && serves(a, delivery, other))
            {
                return true;
            }
        }
    }
    return false;
}
