/* The table of tags, and what their parsers may call. All functions that return bool (or a pointer)
 * return false (NULL) after recording a fault. */
#ifndef LIQUID_TAG_H
#define LIQUID_TAG_H

#include "lexer.h"
#include "run.h"

enum lq_tag_id
{
#define LQ_TAG(id, name, parse) LQ_TAG_##id,
#define LQ_TAG_PART(id, name) LQ_TAG_##id,
#include "tags.def"
#undef LQ_TAG
#undef LQ_TAG_PART
    LQ_TAG_COUNT,
    LQ_TAG_NONE = LQ_TAG_COUNT /* the end of the source */
};

/* A tag as it stands in the source: {% name markup %} */
struct lq_tag
{
    enum lq_tag_id id;
    size_t at;
    struct lq_str name;
    struct lq_str markup;
};

enum lq_token_kind
{
    LQ_TOKEN_END,
    LQ_TOKEN_TEXT,
    LQ_TOKEN_OUTPUT, /* from {{ */
    LQ_TOKEN_TAG     /* from {% */
};

/* A piece of the source with its delimiters. */
struct lq_token
{
    enum lq_token_kind kind;
    bool closed; /* has its closing delimiter */
    bool bare;   /* a line of tag liquid, which has no delimiters */
    struct lq_str text;
};

/* A source and its layouts, and theirs: they share their blocks. */
struct lq_family
{
    struct lq_block_node *blocks; /* that are places, from the last */
    size_t count;
    struct lq_node *layout; /* of the source itself, NULL: it has none */
    size_t depth;           /* of what stands in the source outside of other tags */
};

struct lq_parser
{
    struct lq_template *template;
    const struct lq_options *options;
    struct lq_str source;             /* of the template or partial that is being parsed */
    const struct lq_partial *partial; /* that partial, or NULL */
    struct lq_family family;
    bool in_block; /* directly or not, but not through a partial */
    size_t at;
    size_t lines_end; /* inside of tag liquid each line is a tag, up to here; 0: outside */
    size_t depth;
    size_t nodes;
    bool trim;     /* the text that follows loses its leading white space */
    uint32_t html; /* where in HTML the source stands, as far as its order tells */
    struct lq_fault fault;
};

/* Ceilings. */
bool lq_parser_count_node(struct lq_parser *parser);
bool lq_parser_enter(struct lq_parser *parser, size_t at);

static inline void
lq_parser_leave(struct lq_parser *parser)
{
    parser->depth--;
}

/* Memory of the template; counts as a node. */
void *lq_parser_alloc(struct lq_parser *parser, size_t size);

/* A node for `tag` that is rendered by `render`. */
void *lq_parser_node(struct lq_parser *parser, const struct lq_tag *tag, size_t size,
                     bool (*render)(struct lq_run *run, const struct lq_node *node));

/* The next piece of the source. */
struct lq_token lq_parser_next(struct lq_parser *parser);

/* Split a tag into name and markup; false without a fault when it has no name. */
bool lq_parser_split(const struct lq_parser *parser, struct lq_token token, struct lq_tag *ret);

/* Whether a tag token's closing delimiter is -%} */
bool lq_token_trims_right(struct lq_token token);

/*
 * Parse into `block` up to a tag that is part or end of another. It fails when the source ends
 * before: `tag`, which opened the block, was never closed.
 */
bool lq_parser_body(struct lq_parser *parser, const struct lq_tag *tag, struct lq_block *block,
                    struct lq_tag *ret_stop);

/* A node that prints a text of the source; NULL after a fault. */
struct lq_node *lq_parser_text(struct lq_parser *parser, const struct lq_tag *place,
                               struct lq_str content);

/* A node that prints what the markup says, as {{ markup }} does; NULL after a fault. */
struct lq_node *lq_parser_output(struct lq_parser *parser, const struct lq_tag *place,
                                 struct lq_str markup);

/* Parse the lines of the markup, which are tags without delimiters. */
bool lq_parser_lines(struct lq_parser *parser, const struct lq_tag *tag, struct lq_block *block);

/* A partial by name, parsed when it is new; NULL after a fault, which is at `at`. */
const struct lq_partial *lq_parser_partial(struct lq_parser *parser, struct lq_str name, size_t at);

/* A layout, parsed for the current source, which takes over its blocks; NULL after a fault. */
const struct lq_partial *lq_parser_layout(struct lq_parser *parser, struct lq_str name, size_t at);

/* Once a source is parsed: if it has a layout, that is all it prints. */
bool lq_layout_finish(struct lq_parser *parser, struct lq_block *root);

/* Whether block.super stands here, alone in its output and inside of a block; and its node. */
bool lq_layout_is_super(const struct lq_lexer *lexer);
struct lq_node *lq_layout_super(struct lq_parser *parser, const struct lq_tag *place);

/* The stop tag is not one that `tag` knows; always false. */
bool lq_parser_unexpected(struct lq_parser *parser, const struct lq_tag *tag,
                          const struct lq_tag *stop);
bool lq_parser_never_closed(struct lq_parser *parser, const struct lq_tag *tag);

/* Forget the white space of a block that prints nothing else. */
void lq_block_drop_text(struct lq_block *block);

/* The number of a name in one of the template's tables; added when it is new. The name's bytes are
 * kept, not copied. */
bool lq_parser_intern(struct lq_parser *parser, struct lq_names *names, struct lq_str name,
                      uint32_t *ret);

/* Expressions. `condition`: the words blank and empty are operands, not empty strings. */
const struct lq_expr *lq_parse_expr(struct lq_lexer *lexer, bool condition);
bool lq_parse_pipeline(struct lq_lexer *lexer, struct lq_pipeline *ret);

/* Each parses one kind of tag; *ret stays NULL when there is nothing to render. */
typedef bool lq_tag_parser(struct lq_parser *parser, const struct lq_tag *tag,
                           struct lq_node **ret);

#define LQ_TAG(id, name, parse) lq_tag_parser parse;
#define LQ_TAG_PART(id, name)
#include "tags.def"
#undef LQ_TAG
#undef LQ_TAG_PART

#endif
