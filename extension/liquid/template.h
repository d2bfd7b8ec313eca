/* The parsed template: a tree in one arena, never written after lq_parse(). */
#ifndef LIQUID_TEMPLATE_H
#define LIQUID_TEMPLATE_H

#include "html.h"
#include "memory.h"
#include "value.h"

struct lq_run;
struct lq_filter;

struct lq_node
{
    struct lq_node *next;
    bool (*render)(struct lq_run *run, const struct lq_node *node);
    uint32_t at; /* byte position in the source */
    bool text;
    bool blank; /* prints nothing but white space, whatever the data */
};

struct lq_block
{
    struct lq_node *first;
    struct lq_node *last;
    struct lq_node *trimmable; /* the text at the end that a following {%- shortens, or NULL */
    bool blank;
};

struct lq_text
{
    struct lq_node node;
    struct lq_str text;
};

/* Text of a template that is rendered as HTML. */
struct lq_markup
{
    struct lq_text text;
    uint32_t before; /* the state that was expected in front of it */
    struct lq_html_scan scan;
};

enum lq_expr_kind
{
    LQ_EXPR_LITERAL,
    LQ_EXPR_PATH,
    LQ_EXPR_RANGE
};

struct lq_expr
{
    uint8_t kind;
    uint32_t at;
    struct lq_str source; /* as it is written */
    union
    {
        const struct lq_value *literal;
        struct
        {
            uint32_t slot;              /* the variable's number, or UINT32_MAX */
            const struct lq_expr *name; /* with slot UINT32_MAX: computes the variable's name */
            const struct lq_segment *segments;
        } path;
        struct
        {
            const struct lq_expr *first;
            const struct lq_expr *last;
        } range;
    };
};

enum lq_command
{
    LQ_COMMAND_NONE,
    LQ_COMMAND_SIZE,
    LQ_COMMAND_FIRST,
    LQ_COMMAND_LAST
};

/* One step of a path: .name or [index]. */
struct lq_segment
{
    const struct lq_segment *next;
    struct lq_value name; /* a string, when there is no index */
    const struct lq_expr *index;
    uint8_t command; /* what the name means on values without such a key */
};

enum
{
    LQ_ARGS_MAX = 4
};

/* An argument with a name. */
struct lq_named
{
    const struct lq_named *next;
    struct lq_str name;
    const struct lq_expr *expr;
};

struct lq_call
{
    const struct lq_filter *filter;
    const struct lq_call *next;
    const struct lq_expr *args[LQ_ARGS_MAX];
    const struct lq_named *named;
    uint32_t at;
    uint32_t named_count;
    uint8_t arg_count;
};

/* A value and the filters it goes through. */
struct lq_pipeline
{
    const struct lq_expr *expr; /* NULL: nothing, {{ }} */
    const struct lq_call *calls;
    bool verbatim; /* the last filter decides about escaping */
    bool trusted;  /* the last filter is raw */
};

/* Distinct names, numbered from 0. */
struct lq_names
{
    struct lq_str *names;
    size_t count;
    size_t capacity;
    struct lq_index index;
};

/* Another template whose nodes are part of this one. */
struct lq_partial
{
    struct lq_partial *next;
    struct lq_str name;
    struct lq_str source;
    struct lq_block block;
};

struct lq_template
{
    struct lq_mem mem;
    struct lq_arena arena;
    struct lq_str source;
    struct lq_block root;
    struct lq_partial *partials;
    struct lq_names variables; /* at the top level; a number is a slot */
    struct lq_names loops;     /* by variable and collection */
};

#endif
