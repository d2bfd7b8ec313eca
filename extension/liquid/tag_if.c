/* if and unless. */
#include "condition.h"

struct branch
{
    struct branch *next;
    const struct lq_condition *condition; /* NULL: else */
    bool wanted;                          /* what the condition must yield */
    struct lq_block block;
};

struct if_node
{
    struct lq_node node;
    struct branch *first;
};

static bool
render(struct lq_run *run, const struct lq_node *node)
{
    const struct if_node *choice = (const struct if_node *) node;

    for (const struct branch *branch = choice->first; branch != NULL; branch = branch->next)
    {
        bool result = branch->wanted;

        if (branch->condition != NULL && !lq_eval_condition(run, branch->condition, &result))
            return false;
        if (result == branch->wanted)
            return lq_render_block(run, &branch->block);
    }
    return true;
}

/* Parse the branches from `head` on up to the end tag. */
static bool
parse_branches(struct lq_parser *parser, const struct lq_tag *tag, enum lq_tag_id end, bool wanted,
               struct if_node *choice)
{
    struct branch **tail = &choice->first;
    struct lq_tag head = *tag;

    choice->node.blank = true;
    do
    {
        struct branch *branch = lq_parser_alloc(parser, sizeof(*branch));

        if (branch == NULL)
            return false;
        *tail = branch;
        tail = &branch->next;
        branch->wanted = head.id == LQ_TAG_ELSIF || wanted;
        if (head.id != LQ_TAG_ELSE)
        {
            branch->condition = lq_parse_condition(parser, head.markup);
            if (branch->condition == NULL)
                return false;
        }
        if (!lq_parser_body(parser, tag, &branch->block, &head))
            return false;
        choice->node.blank = choice->node.blank && branch->block.blank;
    } while (head.id == LQ_TAG_ELSE || head.id == LQ_TAG_ELSIF);
    return head.id == end || lq_parser_unexpected(parser, tag, &head);
}

static bool
parse(struct lq_parser *parser, const struct lq_tag *tag, enum lq_tag_id end, bool wanted,
      struct lq_node **ret)
{
    struct if_node *choice = lq_parser_node(parser, tag, sizeof(*choice), render);

    if (choice == NULL || !parse_branches(parser, tag, end, wanted, choice))
        return false;
    for (struct branch *branch = choice->first; choice->node.blank && branch != NULL;
         branch = branch->next)
        lq_block_drop_text(&branch->block);
    *ret = &choice->node;
    return true;
}

bool
lq_tag_parse_if(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    return parse(parser, tag, LQ_TAG_ENDIF, true, ret);
}

bool
lq_tag_parse_unless(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    return parse(parser, tag, LQ_TAG_ENDUNLESS, false, ret);
}
