/*
 * include: another template in the scope of the one that names it.
 *
 * What is named by a text literal is parsed with the template that names it, so both have the same
 * variables. A name that is computed is looked up while rendering; then that template has numbers
 * of its own for its variables, and their values are carried over and back.
 */
#include "partial.h"
#include "utf8.h"

/* A template by a computed name, parsed once a rendering; NULL after a fault. */
static struct lq_loaded *
load(struct lq_run *run, struct lq_str name)
{
    const struct lq_options *options = run->options;
    struct lq_loaded *loaded = run->loaded;
    struct lq_error error;
    struct lq_str source;

    for (; loaded != NULL; loaded = loaded->next)
    {
        if (!lq_run_step(run, 1) || !lq_run_scan(run, name.len))
            return NULL;
        if (lq_str_equal(loaded->partial.name, name))
            return loaded;
    }
    if (options->partial == NULL || !options->partial(options->host, name, &source))
    {
        (void) lq_run_fail(run, LQ_ERR_ARGUMENT, "unknown partial \"%.*s\"", LQ_QUOTE(name));
        return NULL;
    }
    loaded = lq_arena_alloc(&run->arena, sizeof(*loaded));
    if (loaded == NULL)
    {
        (void) lq_run_out_of_memory(run);
        return NULL;
    }
    if (!lq_run_step(run, source.len))
        return NULL;
    if (lq_parse(source, options, &loaded->template, &error) != LQ_OK)
    {
        (void) lq_run_fail(run, error.code, "in partial \"%.*s\", line %u, column %u: %s",
                           LQ_QUOTE(name), error.line, error.column, error.message);
        return NULL;
    }
    loaded->partial.name = name;
    loaded->partial.source = loaded->template->source;
    loaded->partial.block = loaded->template->root;
    loaded->next = run->loaded;
    run->loaded = loaded;
    return loaded;
}

/* Copy the values of variables that both templates know. */
static bool
carry(struct lq_run *run, const struct lq_template *from, const struct lq_slot *values,
      const struct lq_template *to, struct lq_slot *ret)
{
    if (!lq_run_step(run, to->variables.count))
        return false;
    for (uint32_t i = 0; i < to->variables.count; i++)
    {
        uint32_t slot = lq_variable_find(from, to->variables.names[i]);

        if (slot != UINT32_MAX)
            ret[i] = values[slot];
    }
    return true;
}

/* Give a loaded template its variables, with what others that were loaded before assigned. */
static bool
open_loaded(struct lq_run *run, struct lq_loaded *loaded)
{
    run->template = loaded->template;
    if (loaded->slots != NULL)
    {
        run->slots = loaded->slots;
        run->continues = loaded->continues;
        return true;
    }
    if (!lq_run_start(run))
        return false;
    loaded->slots = run->slots;
    loaded->continues = run->continues;
    for (const struct lq_loaded *other = run->loaded; other != NULL; other = other->next)
    {
        if (other != loaded && other->slots != NULL &&
            !carry(run, other->template, other->slots, loaded->template, loaded->slots))
            return false;
    }
    return true;
}

/* What it assigned is there for the template that included it, and for other loaded ones. */
static bool
carry_back(struct lq_run *run, const struct lq_loaded *loaded, const struct lq_template *outer,
           struct lq_slot *outer_slots)
{
    for (struct lq_loaded *other = run->loaded; other != NULL; other = other->next)
    {
        if (other != loaded && other->slots != NULL && other->template != outer &&
            !carry(run, loaded->template, loaded->slots, other->template, other->slots))
            return false;
    }
    return carry(run, loaded->template, loaded->slots, outer, outer_slots);
}

/* Render a loaded template; its variable that is called like itself is the value, if there is one.
 */
static bool
render_with_own(struct lq_run *run, const struct lq_loaded *loaded, const struct lq_value *value)
{
    uint32_t own = lq_variable_find(loaded->template, lq_partial_variable(loaded->partial.name));
    const struct lq_value *outer;
    bool done;

    if (value == NULL || own == UINT32_MAX)
        return lq_partial_render(run, &loaded->partial);
    outer = run->slots[own].local;
    run->slots[own].local = value;
    done = lq_partial_render(run, &loaded->partial);
    run->slots[own].local = outer;
    return done;
}

/* Render a loaded template in the scope of the one that includes it. */
static bool
render_loaded(struct lq_run *run, struct lq_loaded *loaded, const struct lq_value *value)
{
    const struct lq_template *outer = run->template;
    struct lq_slot *outer_slots = run->slots;
    int64_t *outer_continues = run->continues;
    bool done;

    done = open_loaded(run, loaded) &&
           carry(run, outer, outer_slots, loaded->template, run->slots) &&
           render_with_own(run, loaded, value) && carry_back(run, loaded, outer, outer_slots);
    run->template = outer;
    run->slots = outer_slots;
    run->continues = outer_continues;
    return done;
}

/* The partial of a node, or the loaded template that its expression names, with a value that it
 * sees as the variable called like itself, or by the alias. */
static bool
render_named(struct lq_run *run, const struct lq_partial_node *node, const struct lq_value *value)
{
    const struct lq_value *name;
    struct lq_loaded *loaded;

    run->slots[node->variable].local = value;
    if (node->partial != NULL)
        return lq_partial_render(run, node->partial);
    name = lq_eval(run, node->name, false);
    if (name == NULL)
        return false;
    if (name->type != LQ_STRING)
        return lq_run_fail(run, LQ_ERR_ARGUMENT, "the name of a partial must be a text");
    loaded = load(run, name->string);
    return loaded != NULL && render_loaded(run, loaded, node->has_alias ? NULL : value);
}

/* The value of the variable that is called as the partial. */
static const struct lq_value *
own_value(struct lq_run *run, const struct lq_partial_node *node)
{
    const struct lq_value *name;

    if (node->partial != NULL)
        return lq_run_slot(run, node->own);
    name = lq_eval(run, node->name, true);
    if (name == NULL || name->type != LQ_STRING || !lq_run_scan(run, name->string.len))
        return NULL;
    return lq_run_variable(run, name->string);
}

/* Each item of an array, or the value itself. */
static bool
include_each(struct lq_run *run, const struct lq_partial_node *node, const struct lq_value *value)
{
    if (value->type != LQ_ARRAY)
        return render_named(run, node, value);
    for (size_t i = 0; i < value->array.count; i++)
    {
        if (!lq_run_step(run, 1) || !render_named(run, node, value->array.items[i]))
            return false;
    }
    return true;
}

/* The value behind with or for, or the variable that is called as the partial. */
static const struct lq_value *
find_value(struct lq_run *run, const struct lq_partial_node *node)
{
    const struct lq_value *value =
        node->value != NULL ? lq_eval(run, node->value, true) : own_value(run, node);

    return value == NULL && run->fault.code == LQ_OK ? &lq_value_nil : value;
}

/* Arguments hide variables of the same names while the partial is rendered. */
static bool
include_with_arguments(struct lq_run *run, const struct lq_partial_node *node,
                       const struct lq_value *value)
{
    struct lq_hidden *hidden = lq_arguments_hide(run, node->arguments, node->argument_count);

    if (hidden == NULL || !include_each(run, node, value))
        return false;
    lq_arguments_show(run, hidden, node->argument_count);
    return true;
}

static bool
render_include(struct lq_run *run, const struct lq_node *node)
{
    const struct lq_partial_node *include = (const struct lq_partial_node *) node;
    const struct lq_value *value;
    const struct lq_value *outer;
    bool done;

    if (run->isolated)
        return lq_run_fail(run, LQ_ERR_ARGUMENT, "tag \"include\" is not allowed inside of render");
    value = find_value(run, include);
    if (value == NULL)
        return false;
    outer = run->slots[include->variable].local;
    done = include->arguments == NULL ? include_each(run, include, value)
                                      : include_with_arguments(run, include, value);
    run->slots[include->variable].local = outer;
    return done;
}

bool
lq_tag_parse_include(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    struct lq_partial_node *node = lq_parser_node(parser, tag, sizeof(*node), render_include);

    if (node == NULL || !lq_partial_parse(parser, tag, node))
        return false;
    *ret = &node->node;
    return true;
}
