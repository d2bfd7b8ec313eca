/* tablerow: a loop that prints the rows and cells of an HTML table. */
#include "slice.h"
#include "utf8.h"

struct tablerow_node
{
    struct lq_node node;
    uint32_t variable; /* slots */
    uint32_t tablerowloop;
    const struct lq_expr *collection;
    const struct lq_expr *limit;
    const struct lq_expr *offset;
    const struct lq_expr *cols;
    struct lq_block body;
};

static bool
print(struct lq_run *run, struct lq_str text)
{
    return lq_print_bytes(run, text.data, text.len);
}

/* An opening tag with its number: <td class="col1"> */
static bool
print_open(struct lq_run *run, struct lq_str open, int64_t number)
{
    char digits[LQ_INT_TEXT];
    size_t len = lq_int_print(number, digits);

    return print(run, open) && print(run, (struct lq_str){ digits, len }) &&
           print(run, LQ_STR("\">"));
}

/* One cell, and the end of its row when another one follows. */
static bool
render_cell(struct lq_run *run, const struct tablerow_node *table, const struct lq_slice *slice,
            const struct lq_loop *state)
{
    int64_t cols = state->cols > 0 ? state->cols : INT64_MAX;
    int64_t col = state->index % cols + 1;

    run->at = table->node.at;
    run->slots[table->variable].local = lq_slice_item(run, slice, state->index);
    if (run->slots[table->variable].local == NULL || !lq_run_step(run, 1) ||
        !print_open(run, LQ_STR("<td class=\"col"), col) || !lq_render_block(run, &table->body) ||
        !print(run, LQ_STR("</td>")))
        return false;
    if (run->interrupt == LQ_INTERRUPT_BREAK || col != state->cols ||
        state->index + 1 == state->length)
        return true;
    return print(run, LQ_STR("</tr>\n")) &&
           print_open(run, LQ_STR("<tr class=\"row"), state->index / cols + 2);
}

static bool
render_cells(struct lq_run *run, const struct tablerow_node *table, const struct lq_slice *slice,
             int64_t cols)
{
    struct lq_value *drop = lq_new_value(run, LQ_FORLOOP);
    struct lq_loop *state = lq_arena_alloc(&run->arena, sizeof(*state));

    if (drop == NULL || state == NULL)
        return lq_run_out_of_memory(run);
    *state = (struct lq_loop){ .length = slice->length, .is_table = true, .cols = cols };
    drop->loop = state;
    run->slots[table->tablerowloop].local = drop;
    for (; state->index < state->length; state->index++)
    {
        enum lq_interrupt interrupt;

        if (!render_cell(run, table, slice, state))
            return false;
        interrupt = run->interrupt;
        run->interrupt = LQ_INTERRUPT_NONE;
        if (interrupt == LQ_INTERRUPT_BREAK)
            break;
    }
    return true;
}

/* An attribute as an integer, nil being 0; *ret stays as it is without it. */
static bool
attribute(struct lq_run *run, const struct lq_expr *expr, int64_t *ret)
{
    const struct lq_value *value = expr == NULL ? NULL : lq_eval(run, expr, false);

    if (value == NULL)
        return expr == NULL;
    if (value->type == LQ_STRING)
        *ret = lq_text_to_int(value->string);
    else if (value->type == LQ_NIL)
        *ret = 0;
    else if (value->type != LQ_FLOAT || !lq_real_truncate(&value->real, ret))
        return lq_to_integer(run, value, ret);
    return true;
}

/* The part of the collection that the attributes choose. */
static bool
find_slice(struct lq_run *run, const struct tablerow_node *table, const struct lq_value *collection,
           struct lq_slice *ret)
{
    int64_t from = 0;
    int64_t limit = 0;

    if (!attribute(run, table->offset, &from) || !attribute(run, table->limit, &limit))
        return false;
    *ret = lq_slice_cut(collection, from, table->limit != NULL ? &limit : NULL);
    return true;
}

static bool
render(struct lq_run *run, const struct lq_node *node)
{
    const struct tablerow_node *table = (const struct tablerow_node *) node;
    const struct lq_value *collection = lq_eval(run, table->collection, false);
    const struct lq_value *outer_variable = run->slots[table->variable].local;
    const struct lq_value *outer_drop = run->slots[table->tablerowloop].local;
    struct lq_slice slice;
    int64_t cols;
    bool done;

    if (collection == NULL || !lq_value_truthy(collection))
        return collection != NULL;
    if (!find_slice(run, table, collection, &slice))
        return false;
    cols = slice.length;
    if (!attribute(run, table->cols, &cols) || !print(run, LQ_STR("<tr class=\"row1\">\n")))
        return false;
    done = render_cells(run, table, &slice, cols);
    run->slots[table->variable].local = outer_variable;
    run->slots[table->tablerowloop].local = outer_drop;
    return done && print(run, LQ_STR("</tr>\n"));
}

static bool
parse_attribute(struct lq_lexer *lexer, struct tablerow_node *table)
{
    const struct lq_expr *unknown;
    const struct lq_expr **attribute = NULL;

    if (lq_str_equal(lexer->text, LQ_STR("limit")))
        attribute = &table->limit;
    else if (lq_str_equal(lexer->text, LQ_STR("offset")))
        attribute = &table->offset;
    else if (lq_str_equal(lexer->text, LQ_STR("cols")))
        attribute = &table->cols;
    if (lq_lexer_skip_stray(lexer))
        return true;
    if (attribute == NULL && !lexer->parser->options->strict)
        attribute = &unknown;
    if (attribute == NULL || !lq_lexer_at_keyword(lexer))
        return lq_lexer_fail(lexer, "\"limit:\", \"offset:\" or \"cols:\"");
    lq_lexer_next(lexer);
    lq_lexer_next(lexer);
    *attribute = lq_parse_expr(lexer, false);
    return *attribute != NULL;
}

static bool
parse_head(struct lq_parser *parser, const struct lq_tag *tag, struct tablerow_node *table)
{
    struct lq_names *variables = &parser->template->variables;
    struct lq_lexer lexer;
    struct lq_str variable;

    lq_lexer_init(&lexer, parser, tag->markup);
    if (!lq_slice_parse(&lexer, &variable, &table->collection) ||
        !lq_parser_intern(parser, variables, variable, &table->variable) ||
        !lq_parser_intern(parser, variables, LQ_STR("tablerowloop"), &table->tablerowloop))
        return false;
    while (lq_lexer_accept(&lexer, ',') || lexer.kind != LQ_LEX_END)
    {
        if (lexer.kind == LQ_LEX_END)
            break;
        if (!parse_attribute(&lexer, table))
            return false;
    }
    return true;
}

bool
lq_tag_parse_tablerow(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    struct tablerow_node *table = lq_parser_node(parser, tag, sizeof(*table), render);
    struct lq_tag stop;

    if (table == NULL || !parse_head(parser, tag, table) ||
        !lq_parser_body(parser, tag, &table->body, &stop))
        return false;
    if (stop.id != LQ_TAG_ENDTABLEROW)
        return lq_parser_unexpected(parser, tag, &stop);
    *ret = &table->node;
    return true;
}
