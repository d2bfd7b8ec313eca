/*
 * layout and block: a template that fills the blocks of another one.
 *
 * A layout is parsed anew for each template that names it, so the parser can tell its blocks what
 * they print: the definition of the innermost template, and through it those it overrides.
 */
#include "partial.h"
#include "utf8.h"

enum
{
    BLOCKS_MAX = 256 /* of a template and its layouts, since they are looked for one by one */
};

/* What a block prints. */
struct lq_definition
{
    const struct lq_definition *super; /* what it overrides; NULL: it is the default */
    const struct lq_partial *partial;  /* where it stands, NULL: in the template itself */
    const struct lq_block *body;
};

/* The place of a block. */
struct lq_block_node
{
    struct lq_node node;
    struct lq_block_node *next; /* in its family */
    struct lq_str name;
    const struct lq_definition *definition;
};

struct layout_node
{
    struct lq_node node;
    const struct lq_partial *partial;
    struct lq_argument *arguments;
    size_t argument_count;
};

/* ---- rendering ---- */

/* The partial whose source is that of the template that is rendered; NULL: it is the first one. */
static const struct lq_partial *
root_partial(const struct lq_run *run)
{
    const struct lq_loaded *loaded = run->loaded;

    while (loaded != NULL && loaded->template != run->template)
        loaded = loaded->next;
    return loaded == NULL ? NULL : &loaded->partial;
}

static bool
render_definition(struct lq_run *run, const struct lq_definition *definition)
{
    const struct lq_definition *outer = run->definition;
    const struct lq_partial *partial = definition->partial;

    if (!lq_run_enter(run))
        return false;
    run->definition = definition;
    if (!lq_render_block(run, definition->body))
        return lq_fault_inside(&run->fault, partial != NULL ? partial : root_partial(run));
    run->definition = outer;
    lq_run_leave(run);
    return true;
}

static bool
render_block(struct lq_run *run, const struct lq_node *node)
{
    return render_definition(run, ((const struct lq_block_node *) node)->definition);
}

/* {{ block.super }}; in a default it prints nothing. */
static bool
render_super(struct lq_run *run, const struct lq_node *node)
{
    const struct lq_definition *super = run->definition->super;

    (void) node;
    return super == NULL || render_definition(run, super);
}

static bool
render_layout(struct lq_run *run, const struct lq_node *node)
{
    const struct layout_node *layout = (const struct layout_node *) node;
    struct lq_hidden *hidden = lq_arguments_hide(run, layout->arguments, layout->argument_count);

    if (hidden == NULL || !lq_partial_render(run, layout->partial))
        return false;
    lq_arguments_show(run, hidden, layout->argument_count);
    return true;
}

/* ---- parsing ---- */

static bool
fail(struct lq_parser *parser, const struct lq_tag *tag, const char *sentence)
{
    return lq_fault_set(&parser->fault, LQ_ERR_SYNTAX, tag->at, "tag \"%.*s\" %s",
                        LQ_QUOTE(tag->name), sentence);
}

bool
lq_tag_parse_layout(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    struct layout_node *layout = lq_parser_node(parser, tag, sizeof(*layout), render_layout);
    struct lq_lexer lexer;
    struct lq_str name;

    if (layout == NULL)
        return false;
    if (parser->depth != parser->family.depth)
        return fail(parser, tag, "must stand outside of other tags");
    if (parser->family.layout != NULL)
        return fail(parser, tag, "stands in a template once");
    if (parser->family.blocks != NULL)
        return fail(parser, tag, "must stand before the first block");
    lq_lexer_init(&lexer, parser, tag->markup);
    if (lexer.kind != LQ_LEX_STRING)
        return lq_lexer_fail(&lexer, "the name of a layout in quotes");
    name = (struct lq_str){ lexer.text.data + 1, lexer.text.len - 2 };
    lq_lexer_next(&lexer);
    if (!lq_arguments_parse(&lexer, &layout->arguments, &layout->argument_count))
        return false;
    layout->partial = lq_parser_layout(parser, name, tag->at);
    parser->family.layout = &layout->node;
    *ret = &layout->node;
    return layout->partial != NULL;
}

/* The name of a block, with or without quotes. */
static bool
parse_name(struct lq_parser *parser, const struct lq_tag *tag, struct lq_str *ret)
{
    struct lq_lexer lexer;

    lq_lexer_init(&lexer, parser, tag->markup);
    *ret = lexer.text;
    if (lexer.kind == LQ_LEX_STRING)
        *ret = (struct lq_str){ ret->data + 1, ret->len - 2 };
    else if (lexer.kind != LQ_LEX_ID)
        return lq_lexer_fail(&lexer, "the name of a block");
    lq_lexer_next(&lexer);
    return lexer.kind == LQ_LEX_END || lq_lexer_fail(&lexer, "the closing delimiter");
}

static bool
parse_body(struct lq_parser *parser, const struct lq_tag *tag, struct lq_block *body)
{
    bool outer = parser->in_block;
    struct lq_tag stop;

    parser->in_block = true;
    if (!lq_parser_body(parser, tag, body, &stop))
        return false;
    parser->in_block = outer;
    return stop.id == LQ_TAG_ENDBLOCK || lq_parser_unexpected(parser, tag, &stop);
}

/* Let `body` be what the block prints from now on. */
static bool
define(struct lq_parser *parser, struct lq_block_node *block, const struct lq_block *body)
{
    struct lq_definition *definition = lq_parser_alloc(parser, sizeof(*definition));

    if (definition == NULL)
        return false;
    *definition = (struct lq_definition){ block->definition, parser->partial, body };
    block->definition = definition;
    return true;
}

/* A block where it is printed. */
static bool
parse_place(struct lq_parser *parser, const struct lq_tag *tag, struct lq_str name,
            struct lq_block *body, struct lq_node **ret)
{
    struct lq_block_node *block = lq_parser_node(parser, tag, sizeof(*block), render_block);

    if (block == NULL)
        return false;
    if (parser->family.count == BLOCKS_MAX)
        return lq_fault_set(&parser->fault, LQ_ERR_NODES, tag->at,
                            "a template and its layouts have more than %d blocks", BLOCKS_MAX);
    block->name = name;
    block->next = parser->family.blocks;
    parser->family.blocks = block;
    parser->family.count++;
    *ret = &block->node;
    return define(parser, block, body) && parse_body(parser, tag, body);
}

static bool
unknown_block(struct lq_parser *parser, const struct lq_tag *tag, struct lq_str name)
{
    struct lq_nearest nearest;

    lq_nearest_init(&nearest, name);
    for (const struct lq_block_node *b = parser->family.blocks; b != NULL; b = b->next)
        lq_nearest_offer(&nearest, b->name);
    return lq_fault_unknown(&parser->fault, LQ_ERR_SYNTAX, tag->at, "block", &nearest);
}

/* A block of a template with a layout: the blocks of that name print it. */
static bool
parse_definition(struct lq_parser *parser, const struct lq_tag *tag, struct lq_str name,
                 struct lq_block *body)
{
    bool known = parser->options->uses != NULL; /* the layout is not there to tell */

    for (struct lq_block_node *b = parser->family.blocks; b != NULL; b = b->next)
    {
        if (!lq_str_equal(b->name, name))
            continue;
        if (b->definition->super != NULL && b->definition->partial == parser->partial)
            return lq_fault_set(&parser->fault, LQ_ERR_SYNTAX, tag->at,
                                "block \"%.*s\" is defined twice", LQ_QUOTE(name));
        if (!define(parser, b, body))
            return false;
        known = true;
    }
    return known ? parse_body(parser, tag, body) : unknown_block(parser, tag, name);
}

bool
lq_tag_parse_block(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    bool defines = parser->family.layout != NULL && parser->depth == parser->family.depth;
    struct lq_block *body = lq_parser_alloc(parser, sizeof(*body));
    struct lq_str name;

    if (body == NULL || !parse_name(parser, tag, &name))
        return false;
    return defines ? parse_definition(parser, tag, name, body)
                   : parse_place(parser, tag, name, body, ret);
}

bool
lq_layout_is_super(const struct lq_lexer *lexer)
{
    struct lq_lexer ahead = *lexer;

    return lexer->parser->in_block && lq_lexer_accept_word(&ahead, LQ_STR("block")) &&
           lq_lexer_accept(&ahead, '.') && lq_lexer_accept_word(&ahead, LQ_STR("super")) &&
           ahead.kind == LQ_LEX_END;
}

struct lq_node *
lq_layout_super(struct lq_parser *parser, const struct lq_tag *place)
{
    return lq_parser_node(parser, place, sizeof(struct lq_node), render_super);
}

/* Outside of its blocks the template may assign, but not print. */
static bool
prints_nothing(struct lq_parser *parser, const struct lq_block *root)
{
    for (const struct lq_node *node = root->first; node != NULL; node = node->next)
    {
        size_t at = node->at;

        if (node == parser->family.layout || node->blank)
            continue;
        if (node->text)
        {
            struct lq_str text = lq_str_skip_space(((const struct lq_text *) node)->text);

            if (text.len == 0)
                continue;
            at = (size_t) (text.data - parser->source.data);
        }
        return lq_fault_set(&parser->fault, LQ_ERR_SYNTAX, at,
                            "a template with a layout prints only inside of its blocks");
    }
    return true;
}

bool
lq_layout_finish(struct lq_parser *parser, struct lq_block *root)
{
    struct lq_node *layout = parser->family.layout;
    struct lq_node **link = &root->first;

    if (layout == NULL)
        return true;
    if (!prints_nothing(parser, root))
        return false;
    lq_block_drop_text(root);
    if (root->last == layout)
        return true;
    while (*link != layout)
        link = &(*link)->next;
    *link = layout->next;
    layout->next = NULL;
    root->last->next = layout;
    root->last = layout;
    return true;
}
