/* ifchanged: prints its block unless the last one that was printed said the same. */
#include "tag.h"
#include "utf8.h"

struct ifchanged_node
{
    struct lq_node node;
    struct lq_block block;
};

static bool
render(struct lq_run *run, const struct lq_node *node)
{
    struct lq_str text;

    if (!lq_capture_block(run, &((const struct ifchanged_node *) node)->block, &text) ||
        !lq_run_scan(run, text.len))
        return false;
    if (run->changed.data != NULL && lq_str_equal(text, run->changed))
        return true;
    run->changed = text;
    return lq_print_captured(run, text);
}

bool
lq_tag_parse_ifchanged(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    struct ifchanged_node *changed = lq_parser_node(parser, tag, sizeof(*changed), render);
    struct lq_tag stop;

    if (changed == NULL || !lq_parser_body(parser, tag, &changed->block, &stop))
        return false;
    if (stop.id != LQ_TAG_ENDIFCHANGED)
        return lq_parser_unexpected(parser, tag, &stop);
    *ret = &changed->node;
    return true;
}
