/* assign and capture. */
#include <string.h>

#include "tag.h"
#include "utf8.h"

struct assign_node
{
    struct lq_node node;
    uint32_t slot;
    struct lq_pipeline pipeline;
};

struct capture_node
{
    struct lq_node node;
    uint32_t slot;
    struct lq_block block;
};

static bool
render_assign(struct lq_run *run, const struct lq_node *node)
{
    const struct assign_node *assign = (const struct assign_node *) node;
    const struct lq_value *value = lq_eval_pipeline(run, &assign->pipeline);

    run->slots[assign->slot].assigned = value;
    return value != NULL;
}

/* The first run of characters that may stand in an assigned name; the reference takes any. */
static struct lq_str
find_name(struct lq_str markup)
{
    struct lq_str name = { markup.data, 0 };

    while (markup.len > 0)
    {
        char c = markup.data[0];

        if (lq_is_word(c) || (c != '\0' && strchr("-.[]()", c) != NULL))
            name.len++;
        else if (name.len > 0)
            break;
        else
            name.data++;
        markup.data++;
        markup.len--;
    }
    return name;
}

static bool
name_missing(struct lq_parser *parser, const struct lq_tag *tag)
{
    return lq_fault_set(&parser->fault, LQ_ERR_SYNTAX, tag->at,
                        "tag \"%.*s\" needs the name of a variable", LQ_QUOTE(tag->name));
}

bool
lq_tag_parse_assign(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    struct assign_node *assign = lq_parser_node(parser, tag, sizeof(*assign), render_assign);
    struct lq_str name = find_name(tag->markup);
    struct lq_lexer lexer;
    size_t equals;

    if (assign == NULL)
        return false;
    if (name.len == 0 || name.data != tag->markup.data)
        return name_missing(parser, tag);
    if (!lq_parser_intern(parser, &parser->template->variables, name, &assign->slot))
        return false;
    equals = name.len;
    while (equals < tag->markup.len && lq_is_space(tag->markup.data[equals]))
        equals++;
    if (equals == tag->markup.len || tag->markup.data[equals] != '=')
        return lq_fault_set(&parser->fault, LQ_ERR_SYNTAX, tag->at,
                            "expected \"=\" behind the variable of tag \"%.*s\"",
                            LQ_QUOTE(tag->name));
    equals++;
    lq_lexer_init(&lexer, parser,
                  (struct lq_str){ tag->markup.data + equals, tag->markup.len - equals });
    assign->node.blank = true;
    *ret = &assign->node;
    return lq_parse_pipeline(&lexer, &assign->pipeline);
}

static bool
render_capture(struct lq_run *run, const struct lq_node *node)
{
    const struct capture_node *capture = (const struct capture_node *) node;
    const struct lq_value *value;
    struct lq_str text;

    if (!lq_capture_block(run, &capture->block, &text))
        return false;
    value = lq_new_string(run, text);
    run->slots[capture->slot].assigned = value;
    return value != NULL;
}

bool
lq_tag_parse_capture(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    struct capture_node *capture = lq_parser_node(parser, tag, sizeof(*capture), render_capture);
    struct lq_str name = find_name(tag->markup);
    struct lq_tag stop;

    if (capture == NULL)
        return false;
    if (name.len == 0)
        return name_missing(parser, tag);
    if (!lq_parser_intern(parser, &parser->template->variables, name, &capture->slot))
        return false;
    if (!lq_parser_body(parser, tag, &capture->block, &stop))
        return false;
    if (stop.id != LQ_TAG_ENDCAPTURE)
        return lq_parser_unexpected(parser, tag, &stop);
    capture->node.blank = true;
    *ret = &capture->node;
    return true;
}
