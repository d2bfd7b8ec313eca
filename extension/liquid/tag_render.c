/* render: another template in a scope of its own. */
#include <string.h>

#include "partial.h"
#include "slice.h"

/* Take a scope of the template that is over from the list; NULL when there is none. */
static struct lq_scope *
take_scope(struct lq_run *run)
{
    const struct lq_template *template = run->template;
    struct lq_scope **link = &run->scopes;
    struct lq_scope *scope;

    while (*link != NULL && (*link)->template != template)
        link = &(*link)->next;
    scope = *link;
    if (scope == NULL)
        return NULL;
    *link = scope->next;
    memset(scope->slots, 0, template->variables.count * sizeof(scope->slots[0]));
    memset(scope->continues, 0, template->loops.count * sizeof(scope->continues[0]));
    return scope;
}

/* A scope without values; NULL after a fault. Those of renders that are over are used again, so
 * that memory depends on their depth and not on their number. */
static struct lq_scope *
open_scope(struct lq_run *run)
{
    const struct lq_template *template = run->template;
    struct lq_scope *scope;

    if (!lq_run_step(run, 1 + (template->variables.count + template->loops.count) / 64))
        return NULL;
    scope = take_scope(run);
    if (scope != NULL)
        return scope;
    scope = lq_arena_alloc(&run->arena, sizeof(*scope));
    if (scope != NULL)
    {
        scope->template = template;
        scope->slots =
            lq_arena_array(&run->arena, template->variables.count, sizeof(scope->slots[0]));
        scope->continues =
            lq_arena_array(&run->arena, template->loops.count, sizeof(scope->continues[0]));
    }
    if (scope != NULL && scope->slots != NULL && scope->continues != NULL)
        return scope;
    (void) lq_run_out_of_memory(run);
    return NULL;
}

/* Evaluate the arguments, outside, into a scope. */
static bool
pass_arguments(struct lq_run *run, const struct lq_partial_node *node, struct lq_scope *scope)
{
    for (const struct lq_argument *a = node->arguments; a != NULL; a = a->next)
    {
        const struct lq_value *value = lq_eval(run, a->expr, false);

        if (value == NULL)
            return false;
        scope->slots[a->slot].assigned = value;
    }
    return true;
}

/* Render in a scope of its own: arguments, the value and the loop are all there is. */
static bool
render_alone(struct lq_run *run, const struct lq_partial_node *node, const struct lq_value *value,
             const struct lq_value *forloop)
{
    struct lq_scope *scope = open_scope(run);
    struct lq_run outer = *run;
    bool done;

    if (scope == NULL || !pass_arguments(run, node, scope))
        return false;
    if (forloop != NULL)
        scope->slots[node->forloop].assigned = forloop;
    if (value->type != LQ_NIL)
        scope->slots[node->variable].assigned = value;
    run->slots = scope->slots;
    run->continues = scope->continues;
    run->data = NULL;
    run->loop = NULL;
    run->cycles = NULL;
    run->changed = (struct lq_str){ NULL, 0 };
    run->isolated = true;
    done = lq_partial_render(run, node->partial);
    run->slots = outer.slots;
    run->continues = outer.continues;
    run->data = outer.data;
    run->loop = outer.loop;
    run->cycles = outer.cycles;
    run->changed = outer.changed;
    run->isolated = outer.isolated;
    run->interrupt = LQ_INTERRUPT_NONE;
    scope->next = run->scopes;
    run->scopes = scope;
    return done;
}

static bool
render_each(struct lq_run *run, const struct lq_partial_node *node,
            const struct lq_value *collection)
{
    struct lq_value *drop = lq_new_value(run, LQ_FORLOOP);
    struct lq_loop *state = lq_arena_alloc(&run->arena, sizeof(*state));
    struct lq_slice slice = lq_slice_cut(collection, 0, NULL);

    if (drop == NULL || state == NULL)
        return lq_run_out_of_memory(run);
    *state = (struct lq_loop){ .name = node->partial->name, .length = slice.length };
    drop->loop = state;
    for (; state->index < state->length; state->index++)
    {
        const struct lq_value *item = lq_slice_item(run, &slice, state->index);

        if (item == NULL || !render_alone(run, node, item, drop))
            return false;
    }
    return true;
}

static bool
render_render(struct lq_run *run, const struct lq_node *node)
{
    const struct lq_partial_node *render = (const struct lq_partial_node *) node;
    const struct lq_value *value = &lq_value_nil;

    if (render->value != NULL)
        value = lq_eval(run, render->value, true);
    if (value == NULL)
        return false;
    if (render->each &&
        (value->type == LQ_ARRAY || value->type == LQ_OBJECT || value->type == LQ_RANGE))
        return render_each(run, render, value);
    return render_alone(run, render, value, NULL);
}

bool
lq_tag_parse_render(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    struct lq_partial_node *node = lq_parser_node(parser, tag, sizeof(*node), render_render);

    if (node == NULL)
        return false;
    node->isolates = true;
    *ret = &node->node;
    return lq_partial_parse(parser, tag, node);
}
