/* Other templates by name: what include and render share. */
#ifndef LIQUID_PARTIAL_H
#define LIQUID_PARTIAL_H

#include "tag.h"

/* A variable that the partial gets. */
struct lq_argument
{
    struct lq_argument *next;
    uint32_t slot;
    const struct lq_expr *expr;
};

/* {% include NAME with VALUE as ALIAS, ARGUMENTS %}, and the same with for or of render. */
struct lq_partial_node
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
    struct lq_argument *arguments;
    size_t argument_count;
};

/* What stands behind the last slash: as such the partial knows what is passed to it. */
struct lq_str lq_partial_variable(struct lq_str name);

/* Parse what is left of a tag: NAME: VALUE, … */
bool lq_arguments_parse(struct lq_lexer *lexer, struct lq_argument **ret, size_t *ret_count);

/* A variable and what an argument hides of it. */
struct lq_hidden
{
    uint32_t slot;
    const struct lq_value *value;
};

/* Let arguments hide the variables of the same names, until they are shown again; NULL after a
 * fault. */
struct lq_hidden *lq_arguments_hide(struct lq_run *run, const struct lq_argument *arguments,
                                    size_t count);
void lq_arguments_show(struct lq_run *run, const struct lq_hidden *hidden, size_t count);

/* Parse the tag into a node, whose `isolates` is set. */
bool lq_partial_parse(struct lq_parser *parser, const struct lq_tag *tag,
                      struct lq_partial_node *node);

/* Render a partial with the variables that run has. */
bool lq_partial_render(struct lq_run *run, const struct lq_partial *partial);

#endif
