/* Which account delivers, and to which address of the recipient. Pure. */
#ifndef DELIVERY_ROUTE_H
#define DELIVERY_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "delivery/account.h"
#include "delivery/delivery.h"
#include "delivery/rule.h"

enum route_result
{
    ROUTE_FOUND,
    ROUTE_PAUSED, /* there are accounts, all are paused: pause_ms is set */
    ROUTE_NONE    /* no account can serve any address of this delivery */
};

struct route
{
    struct account *account;
    const struct delivery_token *token; /* device channels */
    int64_t pause_ms;
    bool waits; /* behind the request that finds out whether the account works again */
};

/*
 * Of the accounts that are neither paused nor on probation the first one of the rule, or without a
 * rule the one with the lowest rank; of the device's tokens the newest, those under suspicion last.
 * Accounts of equal rank share recipients evenly, and a recipient stays with its account. What was
 * tried in this claim, the delivery's present account included, is left out.
 */
enum route_result route_choose(const struct accounts *accounts, const struct rule *rule,
                               const struct delivery *delivery, int64_t now_ms, struct route *ret);

/* Once this token is `retired` or else suspect: is there another one worth an attempt? */
bool route_has_other(const struct accounts *accounts, const struct rule *rule,
                     const struct delivery *delivery, const struct delivery_token *token,
                     bool retired);

#endif
