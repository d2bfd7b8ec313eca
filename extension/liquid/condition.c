/* Parses and evaluates conditions. */
#include "condition.h"

#include "utf8.h"

static const struct operator_row
{
    struct lq_str text;
    enum lq_operator op;
} operators[] = {
    { { "==", 2 }, LQ_OPERATOR_EQUAL },      { { "!=", 2 }, LQ_OPERATOR_UNEQUAL },
    { { "<>", 2 }, LQ_OPERATOR_UNEQUAL },    { { "<", 1 }, LQ_OPERATOR_LESS },
    { { "<=", 2 }, LQ_OPERATOR_LESS_EQUAL }, { { ">", 1 }, LQ_OPERATOR_MORE },
    { { ">=", 2 }, LQ_OPERATOR_MORE_EQUAL }, { { "contains", 8 }, LQ_OPERATOR_CONTAINS },
};

static bool
parse_comparison(struct lq_lexer *lexer, struct lq_condition *condition)
{
    condition->left = lq_parse_expr(lexer, true);
    if (condition->left == NULL)
        return false;
    if (lexer->kind != LQ_LEX_COMPARISON)
        return true;
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
    {
        if (lq_str_equal(lexer->text, operators[i].text))
            condition->op = (uint8_t) operators[i].op;
    }
    lq_lexer_next(lexer);
    condition->right = lq_parse_expr(lexer, true);
    return condition->right != NULL;
}

const struct lq_condition *
lq_parse_condition(struct lq_parser *parser, struct lq_str markup)
{
    const struct lq_condition *first = NULL;
    const struct lq_condition **tail = &first;
    struct lq_condition *condition;
    struct lq_lexer lexer;

    lq_lexer_init(&lexer, parser, markup);
    do
    {
        condition = lq_parser_alloc(parser, sizeof(*condition));
        if (condition == NULL || !parse_comparison(&lexer, condition))
            return NULL;
        *tail = condition;
        tail = &condition->next;
        if (lq_lexer_accept_word(&lexer, LQ_STR("and")))
            condition->relation = LQ_RELATION_AND;
        else if (lq_lexer_accept_word(&lexer, LQ_STR("or")))
            condition->relation = LQ_RELATION_OR;
    } while (condition->relation != LQ_RELATION_NONE);
    if (lexer.kind == LQ_LEX_END)
        return first;
    (void) lq_lexer_fail(&lexer, "an operator, \"and\" or \"or\"");
    return NULL;
}

static bool
compare(struct lq_run *run, enum lq_operator op, const struct lq_value *left,
        const struct lq_value *right, bool *ret)
{
    bool comparable;
    int order;

    if (op == LQ_OPERATOR_EQUAL || op == LQ_OPERATOR_UNEQUAL)
    {
        if (!lq_equal(run, left, right, ret))
            return false;
        *ret = *ret == (op == LQ_OPERATOR_EQUAL);
        return true;
    }
    if (op == LQ_OPERATOR_CONTAINS)
        return lq_contains(run, left, right, ret);
    if (!lq_compare(run, left, right, &order, &comparable))
        return false;
    if (op == LQ_OPERATOR_LESS)
        *ret = order < 0;
    else if (op == LQ_OPERATOR_LESS_EQUAL)
        *ret = order <= 0;
    else if (op == LQ_OPERATOR_MORE)
        *ret = order > 0;
    else
        *ret = order >= 0;
    *ret = *ret && comparable;
    return true;
}

bool
lq_eval_condition(struct lq_run *run, const struct lq_condition *condition, bool *ret)
{
    for (;; condition = condition->next)
    {
        const struct lq_value *left = lq_eval(run, condition->left, true);
        const struct lq_value *right;

        if (left == NULL || !lq_run_step(run, 1))
            return false;
        *ret = lq_value_truthy(left);
        if (condition->right != NULL)
        {
            right = lq_eval(run, condition->right, true);
            if (right == NULL || !compare(run, (enum lq_operator) condition->op, left, right, ret))
                return false;
        }
        if (condition->relation == LQ_RELATION_NONE ||
            *ret == (condition->relation == LQ_RELATION_OR))
            return true;
    }
}
