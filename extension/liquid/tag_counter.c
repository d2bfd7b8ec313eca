/* increment and decrement: counters in the place of data, which assigned variables hide. */
#include "filter.h"
#include "tag.h"
#include "utf8.h"

struct counter_node
{
    struct lq_node node;
    uint32_t slot;
    bool down;
};

static bool
render(struct lq_run *run, const struct lq_node *node)
{
    const struct counter_node *counter = (const struct counter_node *) node;
    struct lq_slot *slot = lq_run_data(run, counter->slot);
    const struct lq_value step = { .type = LQ_INT, .integer = counter->down ? -1 : 1 };
    const struct lq_args args = { .value = { &step }, .count = 1 };
    const struct lq_value *before = slot->data;
    const struct lq_value *after;

    if (before == NULL || !lq_value_truthy(before))
        before = lq_new_int(run, 0);
    if (before == NULL)
        return false;
    if (!lq_value_is_number(before))
        return lq_run_fail(run, LQ_ERR_ARGUMENT, "\"%.*s\" is no number",
                           LQ_QUOTE(run->template->variables.names[counter->slot]));
    after = lq_filter_plus(run, before, &args);
    if (after == NULL)
        return false;
    slot->data = after;
    return lq_print_value(run, counter->down ? after : before, false);
}

static bool
parse(struct lq_parser *parser, const struct lq_tag *tag, bool down, struct lq_node **ret)
{
    struct counter_node *counter = lq_parser_node(parser, tag, sizeof(*counter), render);
    struct lq_str name = lq_str_rstrip(tag->markup);

    if (counter == NULL)
        return false;
    if (name.len == 0 && parser->options->strict)
        return lq_fault_set(&parser->fault, LQ_ERR_SYNTAX, tag->at,
                            "tag \"%.*s\" needs the name of a variable", LQ_QUOTE(tag->name));
    counter->down = down;
    *ret = &counter->node;
    return lq_parser_intern(parser, &parser->template->variables, name, &counter->slot);
}

bool
lq_tag_parse_increment(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    return parse(parser, tag, false, ret);
}

bool
lq_tag_parse_decrement(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    return parse(parser, tag, true, ret);
}
