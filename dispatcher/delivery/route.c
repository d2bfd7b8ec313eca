/* Routing. */
#include "delivery/route.h"

#include <string.h>

#include "delivery/tries.h"

/* Smaller is better, field by field. */
struct merit
{
    int64_t pause_ms;
    bool waits;
    int rank;
    size_t token; /* place in the order of preference */
};

struct search
{
    const struct accounts *accounts;
    const struct rule *rule;
    const struct delivery *delivery;
    int64_t now_ms;
    struct merit best;
    struct account *account; /* with the best merit; NULL: none was found */
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

/* Place in the rule, or the rank without one; -1: the rule does not have it. */
static int
rank_of(const struct account *account, const struct rule *rule, const struct delivery *delivery)
{
    return rule == NULL ? account->rank : rule_place(rule, account->name, delivery->recipient);
}

static int
compare_fields(const struct merit *a, const struct merit *b)
{
    if (a->pause_ms != b->pause_ms)
    {
        return a->pause_ms < b->pause_ms ? -1 : 1;
    }
    if (a->waits != b->waits)
    {
        return b->waits ? -1 : 1;
    }
    if (a->rank != b->rank)
    {
        return a->rank < b->rank ? -1 : 1;
    }
    return a->token == b->token ? 0 : a->token < b->token ? -1 : 1;
}

/* Equals share recipients: each has an order of its own for every recipient. */
static bool
is_better(const struct search *search, const struct account *account, const struct merit *merit)
{
    const char *recipient = search->delivery->recipient;
    int order = search->account == NULL ? -1 : compare_fields(merit, &search->best);

    return order < 0 || (order == 0 && rule_bucket(account->name, recipient) >
                                           rule_bucket(search->account->name, recipient));
}

static void
search_best(struct search *search, const struct delivery_token *token)
{
    const struct delivery *delivery = search->delivery;
    size_t place = 0;

    if (token != NULL)
    {
        place = (size_t) (token - delivery->tokens) + (token->suspect ? DELIVERY_TOKENS_MAX : 0);
    }
    for (struct account *a = search->accounts->first; a != NULL; a = a->next)
    {
        struct merit merit = { .token = place };

        if (!serves(a, delivery, token) || a == delivery->account ||
            tries_have(delivery, a->name) || (merit.rank = rank_of(a, search->rule, delivery)) < 0)
        {
            continue;
        }
        merit.pause_ms = account_pause_ms(a, search->now_ms);
        merit.waits = account_is_taken(a, search->now_ms);
        if (is_better(search, a, &merit))
        {
            search->best = merit;
            search->account = a;
        }
    }
}

enum route_result
route_choose(const struct accounts *accounts, const struct rule *rule,
             const struct delivery *delivery, int64_t now_ms, struct route *ret)
{
    struct search search = {
        .accounts = accounts, .rule = rule, .delivery = delivery, .now_ms = now_ms
    };

    if (!delivery->device)
    {
        search_best(&search, NULL);
    }
    for (size_t i = 0; i < delivery->token_count; i++)
    {
        search_best(&search, &delivery->tokens[i]);
    }
    if (search.account == NULL)
    {
        return ROUTE_NONE;
    }
    ret->pause_ms = search.best.pause_ms;
    ret->waits = search.best.waits;
    ret->account = search.account;
    ret->token =
        delivery->device ? &delivery->tokens[search.best.token % DELIVERY_TOKENS_MAX] : NULL;
    return search.best.pause_ms > 0 ? ROUTE_PAUSED : ROUTE_FOUND;
}

bool
route_has_other(const struct accounts *accounts, const struct rule *rule,
                const struct delivery *delivery, const struct delivery_token *token, bool retired)
{
    for (size_t i = 0; i < delivery->token_count; i++)
    {
        const struct delivery_token *other = &delivery->tokens[i];

        for (const struct account *a = accounts->first; a != NULL && other != token; a = a->next)
        {
            if ((retired || !other->suspect) && serves(a, delivery, other) &&
                rank_of(a, rule, delivery) >= 0)
            {
                return true;
            }
        }
    }
    return false;
}
