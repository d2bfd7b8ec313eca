/*
 * Routes as the database has them: for whom a channel's accounts are tried in which order. Pure but
 * for rules_load().
 */
#ifndef DELIVERY_RULE_H
#define DELIVERY_RULE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/db.h"
#include "delivery/delivery.h"

#define RULE_PROVIDERS_MAX 16

struct rule;

/* In the order in which they are tried; all zero: none. */
struct rules
{
    struct arena *arena;
    struct rule *first;
};

/* Columns of herald.route_list(): JSON lists, NULL: any or none. */
struct rule_row
{
    const char *name;
    const char *channel;
    const char *providers;
    const char *weights;
    const char *countries;
    const char *device_kinds;
    const char *categories;
    const char *attributes;
};

#define RULE_LIST_SQL                                                                              \
    "select name, channel, providers, weights, countries, device_kinds, categories, attributes"    \
    " from herald.route_list()"

/* Replace the rules by what the result of RULE_LIST_SQL says. One that makes no sense is left out
 * and logged. */
void rules_load(struct rules *rules, const struct db_result *result);

/* One more rule, after the others. False when it makes no sense. */
bool rules_add(struct rules *rules, const struct rule_row *row);

void rules_finish(struct rules *rules);

/* The first rule that is for this delivery; NULL when there is none. */
const struct rule *rules_match(const struct rules *rules, const struct delivery *delivery);

const char *rule_name(const struct rule *rule);

/* When the rule's account of this name is tried for this recipient, from 0; -1: never. */
int rule_place(const struct rule *rule, const char *account, const char *recipient);

/* The same hash as herald.bucket() of "a b", or of a alone: 0 to 4095. */
int rule_bucket(const char *a, const char *b);

#endif
