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

/* with VALUE as NAME, for VALUE as NAME, and arguments. *alias stays empty without an as. */
static bool
parse_rest(struct lq_lexer *lexer, struct lq_partial_node *node, struct lq_str *alias)
{
    struct lq_argument **tail = &node->arguments;

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
    while (lq_lexer_accept(lexer, ',') || lexer->kind != LQ_LEX_END)
    {
        if (lexer->kind == LQ_LEX_END) /* the reference tolerates a comma at the end */
            break;
        if (!parse_argument(lexer, &tail))
            return false;
        node->argument_count++;
    }
    return true;
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
