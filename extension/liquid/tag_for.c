/* for, break and continue. */
#include "slice.h"
#include "utf8.h"

struct for_node
{
    struct lq_node node;
    uint32_t variable; /* slots */
    uint32_t forloop;
    uint32_t number; /* of the loop, for offset: continue */
    bool reversed;
    bool resumes; /* offset: continue */
    const struct lq_expr *collection;
    const struct lq_expr *limit;
    const struct lq_expr *offset;
    struct lq_block body;
    struct lq_block otherwise;
};

static bool
find_slice(struct lq_run *run, const struct for_node *loop, struct lq_slice *ret)
{
    const struct lq_value *collection;
    int64_t from = 0;
    int64_t limit;
    bool limited;

    if (loop->resumes)
        from = run->continues[loop->number];
    else
        (void) lq_slice_attribute(run, loop->offset, &from);
    collection = run->fault.code != LQ_OK ? NULL : lq_eval(run, loop->collection, false);
    if (collection == NULL)
        return false;
    limited = lq_slice_attribute(run, loop->limit, &limit);
    if (run->fault.code != LQ_OK)
        return false;
    *ret = lq_slice_cut(collection, from, limited ? &limit : NULL);
    run->continues[loop->number] = lq_add_clamped(from, ret->length);
    return true;
}

static bool
iterate(struct lq_run *run, const struct for_node *loop, const struct lq_slice *slice)
{
    struct lq_slot *slot = &run->slots[loop->variable];
    struct lq_value *drop = lq_new_value(run, LQ_FORLOOP);
    /* not on the C stack: an assigned forloop outlives its loop */
    struct lq_loop *state = lq_arena_alloc(&run->arena, sizeof(*state));

    if (drop == NULL || state == NULL)
        return lq_run_out_of_memory(run);
    state->name = run->template->loops.names[loop->number];
    state->length = slice->length;
    state->parent = run->loop;
    drop->loop = state;
    run->loop = state;
    run->slots[loop->forloop].local = drop;
    while (state->index < state->length)
    {
        int64_t index = loop->reversed ? state->length - 1 - state->index : state->index;
        enum lq_interrupt interrupt;

        run->at = loop->node.at;
        slot->local = lq_slice_item(run, slice, index);
        if (slot->local == NULL || !lq_run_step(run, 1) || !lq_render_block(run, &loop->body))
            return false;
        state->index++;
        interrupt = run->interrupt;
        run->interrupt = LQ_INTERRUPT_NONE;
        if (interrupt == LQ_INTERRUPT_BREAK)
            break;
    }
    return true;
}

static bool
render(struct lq_run *run, const struct lq_node *node)
{
    const struct for_node *loop = (const struct for_node *) node;
    const struct lq_loop *outer_loop = run->loop;
    const struct lq_value *outer_variable;
    const struct lq_value *outer_forloop;
    struct lq_slice slice;
    bool done;

    if (!find_slice(run, loop, &slice))
        return false;
    if (slice.length == 0)
        return lq_render_block(run, &loop->otherwise);
    outer_variable = run->slots[loop->variable].local;
    outer_forloop = run->slots[loop->forloop].local;
    done = iterate(run, loop, &slice);
    run->slots[loop->variable].local = outer_variable;
    run->slots[loop->forloop].local = outer_forloop;
    run->loop = outer_loop;
    return done;
}

/* The loop's name: variable-collection, the collection without white space outside of quotes. */
static bool
name_loop(struct lq_parser *parser, struct for_node *loop, struct lq_str variable)
{
    struct lq_str source = loop->collection->source;
    char *name = lq_arena_bytes(&parser->template->arena, variable.len + 1 + source.len);
    size_t len = 0;
    char quote = '\0';

    if (name == NULL)
        return lq_fault_memory(&parser->fault);
    for (; len < variable.len; len++)
        name[len] = variable.data[len];
    name[len++] = '-';
    for (size_t i = 0; i < source.len; i++)
    {
        char c = source.data[i];

        if (quote == '\0' && lq_is_space(c))
            continue;
        if (c == quote)
            quote = '\0';
        else if (quote == '\0' && (c == '"' || c == '\''))
            quote = c;
        name[len++] = c;
    }
    return lq_parser_intern(parser, &parser->template->loops, (struct lq_str){ name, len },
                            &loop->number);
}

static bool
parse_attribute(struct lq_lexer *lexer, struct for_node *loop)
{
    bool is_limit = lq_str_equal(lexer->text, LQ_STR("limit"));

    if (!lq_lexer_at_keyword(lexer) || (!is_limit && !lq_str_equal(lexer->text, LQ_STR("offset"))))
        return lq_lexer_fail(lexer, "\"limit:\", \"offset:\" or \"reversed\"");
    lq_lexer_next(lexer);
    lq_lexer_next(lexer);
    if (is_limit)
    {
        loop->limit = lq_parse_expr(lexer, false);
        return loop->limit != NULL;
    }
    loop->resumes = lq_lexer_accept_word(lexer, LQ_STR("continue"));
    if (loop->resumes)
        return true;
    loop->offset = lq_parse_expr(lexer, false);
    return loop->offset != NULL;
}

static bool
parse_head(struct lq_parser *parser, const struct lq_tag *tag, struct for_node *loop)
{
    struct lq_names *variables = &parser->template->variables;
    struct lq_lexer lexer;
    struct lq_str variable;

    lq_lexer_init(&lexer, parser, tag->markup);
    if (!lq_slice_parse(&lexer, &variable, &loop->collection) ||
        !name_loop(parser, loop, variable) ||
        !lq_parser_intern(parser, variables, variable, &loop->variable) ||
        !lq_parser_intern(parser, variables, LQ_STR("forloop"), &loop->forloop))
        return false;
    loop->reversed = lq_lexer_accept_word(&lexer, LQ_STR("reversed"));
    while (lq_lexer_accept(&lexer, ',') || lexer.kind != LQ_LEX_END)
    {
        if (lexer.kind == LQ_LEX_END) /* the reference tolerates a comma at the end */
            break;
        if (!parse_attribute(&lexer, loop))
            return false;
    }
    return true;
}

bool
lq_tag_parse_for(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    struct for_node *loop = lq_parser_node(parser, tag, sizeof(*loop), render);
    struct lq_tag stop;

    if (loop == NULL || !parse_head(parser, tag, loop) ||
        !lq_parser_body(parser, tag, &loop->body, &stop))
        return false;
    loop->otherwise.blank = true;
    if (stop.id == LQ_TAG_ELSE && !lq_parser_body(parser, tag, &loop->otherwise, &stop))
        return false;
    if (stop.id != LQ_TAG_ENDFOR)
        return lq_parser_unexpected(parser, tag, &stop);
    loop->node.blank = loop->body.blank && loop->otherwise.blank;
    if (loop->node.blank)
    {
        lq_block_drop_text(&loop->body);
        lq_block_drop_text(&loop->otherwise);
    }
    *ret = &loop->node;
    return true;
}

static bool
render_break(struct lq_run *run, const struct lq_node *node)
{
    (void) node;
    run->interrupt = LQ_INTERRUPT_BREAK;
    return true;
}

static bool
render_continue(struct lq_run *run, const struct lq_node *node)
{
    (void) node;
    run->interrupt = LQ_INTERRUPT_CONTINUE;
    return true;
}

bool
lq_tag_parse_break(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    *ret = lq_parser_node(parser, tag, sizeof(**ret), render_break);
    return *ret != NULL;
}

bool
lq_tag_parse_continue(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    *ret = lq_parser_node(parser, tag, sizeof(**ret), render_continue);
    return *ret != NULL;
}
