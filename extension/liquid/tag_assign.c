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

/* Split NAME = VALUE. Plain Liquid passes over what stands in front of the name. */
static bool
split_assignment(struct lq_parser *parser, const struct lq_tag *tag, struct lq_str *ret_name,
                 struct lq_str *ret_value)
{
    struct lq_str markup = tag->markup;
    bool strict = parser->options->strict;

    do
    {
        *ret_name = find_name(markup);
        if (ret_name->len == 0 && markup.data != tag->markup.data)
            break;
        if (ret_name->len == 0 || (strict && ret_name->data != tag->markup.data))
            return name_missing(parser, tag);
        lq_str_skip(&markup, (size_t) (ret_name->data + ret_name->len - markup.data));
        *ret_value = lq_str_skip_space(markup);
        if (ret_value->len > 0 && ret_value->data[0] == '=')
        {
            lq_str_skip(ret_value, 1);
            return true;
        }
    } while (!strict);
    return lq_fault_set(&parser->fault, LQ_ERR_SYNTAX, tag->at,
                        "expected \"=\" behind the variable of tag \"%.*s\"", LQ_QUOTE(tag->name));
}

bool
lq_tag_parse_assign(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    struct assign_node *assign = lq_parser_node(parser, tag, sizeof(*assign), render_assign);
    struct lq_str name;
    struct lq_str value;
    struct lq_lexer lexer;

    if (assign == NULL || !split_assignment(parser, tag, &name, &value) ||
        !lq_parser_intern(parser, &parser->template->variables, name, &assign->slot))
        return false;
    lq_lexer_init(&lexer, parser, value);
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
