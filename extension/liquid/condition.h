/* Conditions of if, unless and case. */
#ifndef LIQUID_CONDITION_H
#define LIQUID_CONDITION_H

#include "tag.h"

enum lq_operator
{
    LQ_OPERATOR_NONE, /* a value alone: is it truthy? */
    LQ_OPERATOR_EQUAL,
    LQ_OPERATOR_UNEQUAL,
    LQ_OPERATOR_LESS,
    LQ_OPERATOR_LESS_EQUAL,
    LQ_OPERATOR_MORE,
    LQ_OPERATOR_MORE_EQUAL,
    LQ_OPERATOR_CONTAINS
};

enum lq_relation
{
    LQ_RELATION_NONE,
    LQ_RELATION_AND,
    LQ_RELATION_OR
};

/* Comparisons joined by and/or; the rest of the chain is the right operand, whatever stands there.
 */
struct lq_condition
{
    const struct lq_expr *left;
    const struct lq_expr *right;
    const struct lq_condition *next;
    uint8_t op;
    uint8_t relation;
};

/* The condition that is all of markup; NULL after a fault. */
const struct lq_condition *lq_parse_condition(struct lq_parser *parser, struct lq_str markup);

bool lq_eval_condition(struct lq_run *run, const struct lq_condition *condition, bool *ret);

#endif
