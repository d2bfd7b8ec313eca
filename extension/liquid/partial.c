/* Parses the tags that name other templates, and renders what is named. */
#include "partial.h"

#include "utf8.h"

struct lq_str
lq_partial_variable(struct lq_str name)
{
    for (size_t i = name.len; i-- > 0;)
    {
        if (name.data[i] == '/')
            return (struct lq_str){ name.data + i + 1, name.len - i - 1 };
    }
    return name;
}

bool
lq_partial_render(struct lq_run *run, const struct lq_partial *partial)
{
    if (!lq_run_enter(run))
        return false;
    if (!lq_render_block(run, &partial->block))
        return lq_fault_inside(&run->fault, partial);
    lq_run_leave(run);
    return true;
}

static bool
parse_argument(struct lq_lexer *lexer, struct lq_argument ***tail)
{
    struct lq_parser *parser = lexer->parser;
    struct lq_argument *argument;

    if (!lq_lexer_at_keyword(lexer))
        return lq_lexer_fail(lexer, "an argument with its name");
    argument = lq_parser_alloc(parser, sizeof(*argument));
    if (argument == NULL ||
        !lq_parser_intern(parser, &parser->template->variables, lexer->text, &argument->slot))
        return false;
    lq_lexer_next(lexer);
    lq_lexer_next(lexer);
    argument->expr = lq_parse_expr(lexer, false);
    **tail = argument;
    *tail = &argument->next;
    return argument->expr != NULL;
}

bool
lq_arguments_parse(struct lq_lexer *lexer, struct lq_argument **ret, size_t *ret_count)
{
    struct lq_argument **tail = ret;

    *ret_count = 0;
    while (lq_lexer_accept(lexer, ',') || lexer->kind != LQ_LEX_END)
    {
        if (lexer->kind == LQ_LEX_END) /* the reference tolerates a comma at the end */
            break;
        if (lq_lexer_skip_stray(lexer))
            continue;
        if (!parse_argument(lexer, &tail))
            return false;
        ++*ret_count;
    }
    return true;
}

struct lq_hidden *
lq_arguments_hide(struct lq_run *run, const struct lq_argument *arguments, size_t count)
{
    struct lq_hidden *hidden = lq_arena_array(&run->arena, count, sizeof(hidden[0]));
    struct lq_hidden *next = hidden;

    if (hidden == NULL)
    {
        (void) lq_run_out_of_memory(run);
        return NULL;
    }
    for (const struct lq_argument *a = arguments; a != NULL; a = a->next)
    {
        const struct lq_value *value = lq_eval(run, a->expr, false);

        if (value == NULL || !lq_run_step(run, 1))
            return NULL;
        *next++ = (struct lq_hidden){ a->slot, run->slots[a->slot].local };
        run->slots[a->slot].local = value;
    }
    return hidden;
}

void
lq_arguments_show(struct lq_run *run, const struct lq_hidden *hidden, size_t count)
{
    while (count-- > 0)
        run->slots[hidden[count].slot].local = hidden[count].value;
}

/* with VALUE as NAME, for VALUE as NAME, and arguments. *alias stays empty without an as. */
static bool
parse_rest(struct lq_lexer *lexer, struct lq_partial_node *node, struct lq_str *alias)
{
    node->each = lq_lexer_accept_word(lexer, LQ_STR("for"));
    if (node->each || lq_lexer_accept_word(lexer, LQ_STR("with")))
    {
        node->value = lq_parse_expr(lexer, false);
        if (node->value == NULL)
            return false;
    }
    if (lq_lexer_accept_word(lexer, LQ_STR("as")))
    {
        *alias = lexer->text;
        if (lexer->kind != LQ_LEX_ID)
            return lq_lexer_fail(lexer, "the name of a variable");
        lq_lexer_next(lexer);
    }
    return lq_arguments_parse(lexer, &node->arguments, &node->argument_count);
}

bool
lq_partial_parse(struct lq_parser *parser, const struct lq_tag *tag, struct lq_partial_node *node)
{
    struct lq_names *variables = &parser->template->variables;
    struct lq_str name = LQ_STR("");
    struct lq_str alias = LQ_STR("");
    struct lq_lexer lexer;
    bool is_text;

    lq_lexer_init(&lexer, parser, tag->markup);
    is_text = lexer.kind == LQ_LEX_STRING;
    if (node->isolates && !is_text)
        return lq_lexer_fail(&lexer, "the name of a partial in quotes");
    node->name = lq_parse_expr(&lexer, false);
    if (node->name == NULL)
        return false;
    if (is_text)
        name = node->name->literal->string;
    if (!parse_rest(&lexer, node, &alias))
        return false;
    node->has_alias = alias.len > 0;
    if (!lq_parser_intern(parser, variables, LQ_STR("forloop"), &node->forloop) ||
        !lq_parser_intern(parser, variables, name, &node->own) ||
        !lq_parser_intern(parser, variables, node->has_alias ? alias : lq_partial_variable(name),
                          &node->variable))
        return false;
    if (is_text)
        node->partial = lq_parser_partial(parser, name, tag->at);
    return !is_text || node->partial != NULL;
}
