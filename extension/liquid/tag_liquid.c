/* echo and liquid: outputs and tags without delimiters. */
#include "tag.h"

struct liquid_node
{
    struct lq_node node;
    struct lq_block block;
};

static bool
render(struct lq_run *run, const struct lq_node *node)
{
    return lq_render_block(run, &((const struct liquid_node *) node)->block);
}

bool
lq_tag_parse_echo(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    *ret = lq_parser_output(parser, tag, tag->markup);
    return *ret != NULL;
}

bool
lq_tag_parse_liquid(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    struct liquid_node *liquid = lq_parser_node(parser, tag, sizeof(*liquid), render);

    if (liquid == NULL || !lq_parser_lines(parser, tag, &liquid->block))
        return false;
    liquid->node.blank = liquid->block.blank;
    *ret = &liquid->node;
    return true;
}
