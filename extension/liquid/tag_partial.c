/*
 * render and include: other templates by name.
 *
 * What is named by a text literal is parsed with the template that names it, so both have the same
 * variables. A name that include computes is looked up while rendering; then that template has
 * numbers of its own for its variables, and their values are carried over and back.
 */
#include <string.h>

#include "slice.h"
#include "tag.h"
#include "utf8.h"

struct argument
{
    struct argument *next;
    uint32_t slot;
    const struct lq_expr *expr;
};

struct partial_node
{
    struct lq_node node;
    const struct lq_partial *partial; /* NULL: named by an expression */
    const struct lq_expr *name;
    const struct lq_expr *value; /* behind with or for, or NULL */
    bool each;                   /* for */
    bool isolates;               /* render */
    bool has_alias;              /* as */
    uint32_t variable;           /* slot of what is passed */
    uint32_t own;                /* slot of the variable that is called as the partial */
    uint32_t forloop;
    struct argument *arguments;
    size_t argument_count;
};

/* ---- include ---- */

/* What stands behind the last slash. */
static struct lq_str
last_part(struct lq_str name)
{
    for (size_t i = name.len; i-- > 0;)
    {
        if (name.data[i] == '/')
            return (struct lq_str){ name.data + i + 1, name.len - i - 1 };
    }
    return name;
}

static bool
render_partial(struct lq_run *run, const struct lq_partial *partial)
{
    if (!lq_run_enter(run))
        return false;
    if (!lq_render_block(run, &partial->block))
        return lq_fault_inside(&run->fault, partial);
    lq_run_leave(run);
    return true;
}

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
        if (lq_str_equal(loaded->partial.name, name))
            return loaded;
        if (!lq_run_step(run, 1))
            return NULL;
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
    uint32_t own = lq_variable_find(loaded->template, last_part(loaded->partial.name));
    const struct lq_value *outer;
    bool done;

    if (value == NULL || own == UINT32_MAX)
        return render_partial(run, &loaded->partial);
    outer = run->slots[own].local;
    run->slots[own].local = value;
    done = render_partial(run, &loaded->partial);
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
render_named(struct lq_run *run, const struct partial_node *node, const struct lq_value *value)
{
    const struct lq_value *name;
    struct lq_loaded *loaded;

    run->slots[node->variable].local = value;
    if (node->partial != NULL)
        return render_partial(run, node->partial);
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
own_value(struct lq_run *run, const struct partial_node *node)
{
    const struct lq_value *name;

    if (node->partial != NULL)
        return lq_run_slot(run, node->own);
    name = lq_eval(run, node->name, true);
    if (name == NULL || name->type != LQ_STRING)
        return NULL;
    return lq_run_variable(run, name->string);
}

/* Each item of an array, or the value itself. */
static bool
include_each(struct lq_run *run, const struct partial_node *node, const struct lq_value *value)
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

/* Render with the value behind with or for, or with the variable that is called as the partial. */
static bool
include_value(struct lq_run *run, const struct partial_node *node)
{
    const struct lq_value *value =
        node->value != NULL ? lq_eval(run, node->value, true) : own_value(run, node);

    if (value == NULL && run->fault.code != LQ_OK)
        return false;
    return include_each(run, node, value != NULL ? value : &lq_value_nil);
}

/* A variable and what an argument hides of it. */
struct hidden
{
    uint32_t slot;
    const struct lq_value *value;
};

/* Arguments hide variables of the same names while the partial is rendered. */
static bool
include_with_arguments(struct lq_run *run, const struct partial_node *node)
{
    struct hidden *hidden = lq_arena_array(&run->arena, node->argument_count, sizeof(hidden[0]));
    size_t count = 0;

    if (hidden == NULL)
        return lq_run_out_of_memory(run);
    for (const struct argument *a = node->arguments; a != NULL; a = a->next)
    {
        const struct lq_value *value = lq_eval(run, a->expr, false);

        if (value == NULL || !lq_run_step(run, 1))
            return false;
        hidden[count++] = (struct hidden){ a->slot, run->slots[a->slot].local };
        run->slots[a->slot].local = value;
    }
    if (!include_value(run, node))
        return false;
    while (count-- > 0)
        run->slots[hidden[count].slot].local = hidden[count].value;
    return true;
}

static bool
render_include(struct lq_run *run, const struct lq_node *node)
{
    const struct partial_node *include = (const struct partial_node *) node;
    const struct lq_value *outer;
    bool done;

    if (run->isolated)
        return lq_run_fail(run, LQ_ERR_ARGUMENT, "tag \"include\" is not allowed inside of render");
    outer = run->slots[include->variable].local;
    done = include->arguments == NULL ? include_value(run, include)
                                      : include_with_arguments(run, include);
    run->slots[include->variable].local = outer;
    return done;
}

/* ---- render ---- */

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
pass_arguments(struct lq_run *run, const struct partial_node *node, struct lq_scope *scope)
{
    for (const struct argument *a = node->arguments; a != NULL; a = a->next)
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
render_alone(struct lq_run *run, const struct partial_node *node, const struct lq_value *value,
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
    done = render_partial(run, node->partial);
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
render_each(struct lq_run *run, const struct partial_node *node)
{
    struct lq_value *drop = lq_new_value(run, LQ_FORLOOP);
    struct lq_loop *state = lq_arena_alloc(&run->arena, sizeof(*state));
    struct lq_slice slice;

    if (drop == NULL || state == NULL)
        return lq_run_out_of_memory(run);
    if (!lq_slice_cut(run, node->value, 0, NULL, &slice))
        return false;
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
    const struct partial_node *render = (const struct partial_node *) node;
    const struct lq_value *value = &lq_value_nil;

    if (render->value != NULL)
        value = lq_eval(run, render->value, true);
    if (value == NULL)
        return false;
    if (render->each &&
        (value->type == LQ_ARRAY || value->type == LQ_OBJECT || value->type == LQ_RANGE))
        return render_each(run, render);
    return render_alone(run, render, value, NULL);
}

/* ---- parsing ---- */

static bool
parse_argument(struct lq_lexer *lexer, struct argument ***tail)
{
    struct lq_parser *parser = lexer->parser;
    struct argument *argument;

    if (!lq_lexer_at_keyword(lexer))
        return lq_lexer_fail(lexer, "an argument with its name");
    argument = lq_parser_alloc(parser, sizeof(*argument));
    if (argument == NULL ||
        !lq_parser_intern(parser, &parser->template->variables, lexer->text, &argument->slot))
        return false;
    lq_lexer_next(lexer);
    lq_lexer_next(lexer);
    argument->expr = lq_parse_expr(lexer, false);
    **tail = argument;
    *tail = &argument->next;
    return argument->expr != NULL;
}

/* with VALUE as NAME, for VALUE as NAME, and arguments. *alias stays empty without an as. */
static bool
parse_rest(struct lq_lexer *lexer, struct partial_node *node, struct lq_str *alias)
{
    struct argument **tail = &node->arguments;

    node->each = lq_lexer_accept_word(lexer, LQ_STR("for"));
    if (node->each || lq_lexer_accept_word(lexer, LQ_STR("with")))
    {
        node->value = lq_parse_expr(lexer, false);
        if (node->value == NULL)
            return false;
    }
    if (lq_lexer_accept_word(lexer, LQ_STR("as")))
    {
        *alias = lexer->text;
        if (lexer->kind != LQ_LEX_ID)
            return lq_lexer_fail(lexer, "the name of a variable");
        lq_lexer_next(lexer);
    }
    while (lq_lexer_accept(lexer, ',') || lexer->kind != LQ_LEX_END)
    {
        if (lexer->kind == LQ_LEX_END) /* the reference tolerates a comma at the end */
            break;
        if (!parse_argument(lexer, &tail))
            return false;
        node->argument_count++;
    }
    return true;
}

static bool
parse(struct lq_parser *parser, const struct lq_tag *tag, struct partial_node *node)
{
    struct lq_names *variables = &parser->template->variables;
    struct lq_str name = LQ_STR("");
    struct lq_str alias = LQ_STR("");
    struct lq_lexer lexer;
    bool is_text;

    lq_lexer_init(&lexer, parser, tag->markup);
    is_text = lexer.kind == LQ_LEX_STRING;
    if (node->isolates && !is_text)
        return lq_lexer_fail(&lexer, "the name of a partial in quotes");
    node->name = lq_parse_expr(&lexer, false);
    if (node->name == NULL)
        return false;
    if (is_text)
        name = node->name->literal->string;
    if (!parse_rest(&lexer, node, &alias))
        return false;
    node->has_alias = alias.len > 0;
    if (!lq_parser_intern(parser, variables, LQ_STR("forloop"), &node->forloop) ||
        !lq_parser_intern(parser, variables, name, &node->own) ||
        !lq_parser_intern(parser, variables, node->has_alias ? alias : last_part(name),
                          &node->variable))
        return false;
    if (is_text)
        node->partial = lq_parser_partial(parser, name, tag->at);
    return !is_text || node->partial != NULL;
}

bool
lq_tag_parse_include(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    struct partial_node *node = lq_parser_node(parser, tag, sizeof(*node), render_include);

    if (node == NULL || !parse(parser, tag, node))
        return false;
    *ret = &node->node;
    return true;
}

bool
lq_tag_parse_render(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    struct partial_node *node = lq_parser_node(parser, tag, sizeof(*node), render_render);

    if (node == NULL)
        return false;
    node->isolates = true;
    *ret = &node->node;
    return parse(parser, tag, node);
}
