/* cycle: the next of its values at each turn. */
#include "tag.h"
#include "utf8.h"

struct cycle_value
{
    struct cycle_value *next;
    const struct lq_expr *expr;
};

struct cycle_node
{
    struct lq_node node;
    const struct lq_expr *name; /* cycles of one name share their place; NULL: of the same values */
    struct cycle_value *values;
    int64_t count;
};

/* Whether two cycles without names have the same values; those with variables never have. */
static bool
has_same_values(struct lq_run *run, const struct cycle_node *a, const struct cycle_node *b,
                bool *ret)
{
    const struct cycle_value *x = a->values;
    const struct cycle_value *y = b->values;

    *ret = a->count == b->count;
    for (; *ret && a != b && x != NULL && y != NULL; x = x->next, y = y->next)
    {
        if (x->expr->kind != LQ_EXPR_LITERAL || y->expr->kind != LQ_EXPR_LITERAL)
            *ret = false;
        else if (!lq_equal(run, x->expr->literal, y->expr->literal, ret))
            return false;
    }
    return lq_run_step(run, 1);
}

/* The place of a cycle, shared by those of the same name or the same values; NULL after a fault. */
static struct lq_cycle *
find_place(struct lq_run *run, const struct cycle_node *cycle, const struct lq_value *name)
{
    struct lq_cycle *place;

    for (place = run->cycles; place != NULL; place = place->next)
    {
        bool same = false;

        if ((place->name == NULL) != (name == NULL))
            continue;
        if (!(name != NULL
                  ? lq_equal(run, place->name, name, &same)
                  : has_same_values(run, (const struct cycle_node *) place->node, cycle, &same)))
            return NULL;
        if (same)
            return place;
    }
    place = lq_arena_alloc(&run->arena, sizeof(*place));
    if (place == NULL)
    {
        (void) lq_run_out_of_memory(run);
        return NULL;
    }
    *place = (struct lq_cycle){ run->cycles, &cycle->node, name, 0 };
    run->cycles = place;
    return place;
}

static bool
render(struct lq_run *run, const struct lq_node *node)
{
    const struct cycle_node *cycle = (const struct cycle_node *) node;
    const struct lq_value *name = cycle->name == NULL ? NULL : lq_eval(run, cycle->name, true);
    const struct cycle_value *turn = cycle->values;
    const struct lq_value *value = &lq_value_nil;
    struct lq_cycle *place;

    if (cycle->name != NULL && name == NULL)
        return false;
    place = find_place(run, cycle, name);
    if (place == NULL || !lq_run_step(run, (uint64_t) place->place))
        return false;
    for (int64_t i = 0; turn != NULL && i < place->place; i++)
        turn = turn->next;
    if (turn != NULL)
        value = lq_eval(run, turn->expr, false);
    place->place = place->place + 1 >= cycle->count ? 0 : place->place + 1;
    return value != NULL && lq_print_output(run, value, false, false);
}

/* Parse one value; the literal nil is none. */
static bool
parse_value(struct lq_lexer *lexer, struct cycle_node *cycle, struct cycle_value ***tail)
{
    struct cycle_value *value = lq_parser_alloc(lexer->parser, sizeof(*value));

    if (value == NULL)
        return false;
    value->expr = lq_parse_expr(lexer, false);
    if (value->expr == NULL)
        return false;
    if (value->expr->kind == LQ_EXPR_LITERAL && value->expr->literal->type == LQ_NIL)
        return true;
    **tail = value;
    *tail = &value->next;
    cycle->count++;
    return true;
}

/* Values between commas. Plain Liquid passes over commas without a value, and over what stands
 * between a value and the next comma. */
static bool
parse_values(struct lq_lexer *lexer, struct cycle_node *cycle)
{
    struct cycle_value **tail = &cycle->values;
    bool strict = lexer->parser->options->strict;

    do
    {
        while (!strict && lq_lexer_accept(lexer, ','))
            continue;
        if (lexer->kind == LQ_LEX_END) /* the reference tolerates a comma at the end */
            break;
        if (!parse_value(lexer, cycle, &tail))
            return false;
        while (!strict && lexer->kind != LQ_LEX_END && lexer->kind != LQ_LEX_ERROR &&
               !lq_lexer_at(lexer, ','))
            lq_lexer_next(lexer);
    } while (lq_lexer_accept(lexer, ','));
    return lexer->kind == LQ_LEX_END || lq_lexer_fail(lexer, "a comma");
}

bool
lq_tag_parse_cycle(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    struct cycle_node *cycle = lq_parser_node(parser, tag, sizeof(*cycle), render);
    struct lq_lexer lexer;
    struct lq_lexer ahead;

    if (cycle == NULL)
        return false;
    lq_lexer_init(&lexer, parser, tag->markup);
    ahead = lexer;
    cycle->name = lq_parse_expr(&ahead, false);
    if (cycle->name == NULL)
        return false;
    if (lq_lexer_accept(&ahead, ':'))
        lexer = ahead;
    else
        cycle->name = NULL;
    *ret = &cycle->node;
    return parse_values(&lexer, cycle);
}
