/* case and when. */
#include "tag.h"
#include "utf8.h"

/* One value of a when, or an else. A when with several values has several rows with one block, and
 * the block is rendered once for each that matches, as in the reference. */
struct row
{
    struct row *next;
    const struct lq_expr *value; /* NULL: else */
    struct lq_block *block;
};

struct case_node
{
    struct lq_node node;
    const struct lq_expr *subject;
    struct row *first;
};

static bool
render(struct lq_run *run, const struct lq_node *node)
{
    const struct case_node *choice = (const struct case_node *) node;
    bool matched = false;

    for (const struct row *row = choice->first; row != NULL; row = row->next)
    {
        const struct lq_value *subject;
        const struct lq_value *value;
        bool equal = !matched;

        if (row->value != NULL)
        {
            subject = lq_eval(run, choice->subject, true);
            value = subject == NULL ? NULL : lq_eval(run, row->value, true);
            if (value == NULL || !lq_equal(run, subject, value, &equal))
                return false;
            matched = matched || equal;
        }
        if (equal && !lq_render_block(run, row->block))
            return false;
        if (run->interrupt != LQ_INTERRUPT_NONE)
            break;
    }
    return true;
}

/*
 * A value in case and when reaches up to white space, a comma or a bar, quoted text counting as one
 * piece. Returns its length.
 */
static size_t
fragment_length(struct lq_str text)
{
    size_t len = 0;

    while (len < text.len)
    {
        char c = text.data[len];

        if (c == '"' || c == '\'')
        {
            size_t end = lq_str_find(text, len + 1, (struct lq_str){ &text.data[len], 1 });

            if (end == SIZE_MAX)
                break;
            if (len == 0) /* what follows is not part of it */
                return end + 1;
            len = end + 1;
            continue;
        }
        if (lq_is_space(c) || c == ',' || c == '|')
            break;
        len++;
    }
    return len;
}

static struct lq_str
skip(struct lq_str text, size_t count)
{
    return (struct lq_str){ text.data + count, text.len - count };
}

/* Parse the value at the start of *markup and step over it; NULL without a fault when none.
 * `condition`: see lq_parse_expr(). */
static const struct lq_expr *
take_value(struct lq_parser *parser, struct lq_str *markup, bool condition)
{
    struct lq_str text = lq_str_skip_space(*markup);
    const struct lq_expr *value;
    struct lq_lexer lexer;
    size_t len;

    while (!parser->options->strict && text.len > 0 && (text.data[0] == ',' || text.data[0] == '|'))
        text = lq_str_skip_space(skip(text, 1));
    len = fragment_length(text);
    if (len == 0)
        return NULL;
    lq_lexer_init(&lexer, parser, (struct lq_str){ text.data, len });
    value = lq_parse_expr(&lexer, condition);
    if (value != NULL && lexer.kind != LQ_LEX_END)
    {
        (void) lq_lexer_fail(&lexer, "white space or a comma");
        return NULL;
    }
    *markup = skip(text, len);
    return value;
}

/* Step over a comma or the word or; what follows anything else is ignored, as in the reference. */
static bool
take_separator(struct lq_str *markup)
{
    struct lq_str text = lq_str_skip_space(*markup);
    bool spaced = text.data != markup->data;

    if (text.len > 0 && text.data[0] == ',')
        text = skip(text, 1);
    else if (spaced && text.len > 2 && text.data[0] == 'o' && text.data[1] == 'r' &&
             lq_is_space(text.data[2]))
        text = skip(text, 2);
    else
        return false;
    *markup = lq_str_skip_space(text);
    return fragment_length(*markup) > 0;
}

static struct row *
add_row(struct lq_parser *parser, struct row ***tail, struct lq_block *block)
{
    struct row *row = lq_parser_alloc(parser, sizeof(*row));

    if (row == NULL)
        return NULL;
    row->block = block;
    **tail = row;
    *tail = &row->next;
    return row;
}

static bool
parse_when(struct lq_parser *parser, const struct lq_tag *tag, struct row ***tail,
           struct lq_block *block)
{
    struct lq_str markup = tag->markup;

    do
    {
        struct row *row = add_row(parser, tail, block);

        if (row == NULL)
            return false;
        row->value = take_value(parser, &markup, true);
        if (row->value == NULL)
            return lq_fault_set(&parser->fault, LQ_ERR_SYNTAX, tag->at,
                                "tag \"%.*s\" needs a value", LQ_QUOTE(tag->name));
    } while (take_separator(&markup));
    return true;
}

static bool
parse_rows(struct lq_parser *parser, const struct lq_tag *tag, struct case_node *choice)
{
    struct row **tail = &choice->first;
    struct lq_block before;
    struct lq_tag stop;

    if (!lq_parser_body(parser, tag, &before, &stop))
        return false;
    choice->node.blank = before.blank;
    while (stop.id == LQ_TAG_WHEN || stop.id == LQ_TAG_ELSE)
    {
        struct lq_block *block = lq_parser_alloc(parser, sizeof(*block));

        if (block == NULL)
            return false;
        if (stop.id == LQ_TAG_WHEN && !parse_when(parser, &stop, &tail, block))
            return false;
        if (stop.id == LQ_TAG_ELSE && lq_str_skip_space(stop.markup).len > 0)
            return lq_fault_set(&parser->fault, LQ_ERR_SYNTAX, stop.at,
                                "tag \"%.*s\" takes no value here", LQ_QUOTE(stop.name));
        if (stop.id == LQ_TAG_ELSE && add_row(parser, &tail, block) == NULL)
            return false;
        if (!lq_parser_body(parser, tag, block, &stop))
            return false;
        choice->node.blank = choice->node.blank && block->blank;
    }
    return stop.id == LQ_TAG_ENDCASE || lq_parser_unexpected(parser, tag, &stop);
}

bool
lq_tag_parse_case(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    struct case_node *choice = lq_parser_node(parser, tag, sizeof(*choice), render);
    struct lq_str markup = tag->markup;

    if (choice == NULL)
        return false;
    choice->subject = take_value(parser, &markup, false);
    if (choice->subject == NULL)
        return lq_fault_set(&parser->fault, LQ_ERR_SYNTAX, tag->at, "tag \"%.*s\" needs a value",
                            LQ_QUOTE(tag->name));
    if (!parse_rows(parser, tag, choice))
        return false;
    for (struct row *row = choice->first; choice->node.blank && row != NULL; row = row->next)
        lq_block_drop_text(row->block);
    *ret = &choice->node;
    return true;
}
