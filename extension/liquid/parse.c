/* Turns source text into a template: text, outputs and tags. */
#include "parse.h"

#include <string.h>

#include "tag.h"
#include "utf8.h"

enum
{
    DEPTH_MAX = 500, /* whatever the ceiling says, the C stack must hold it */
    NAMES_MIN = 8
};

struct output
{
    struct lq_node node;
    struct lq_pipeline pipeline;
};

static const struct tag_row
{
    struct lq_str name;
    lq_tag_parser *parse;
} tags[] = {
#define LQ_TAG(id, name, parse) [LQ_TAG_##id] = { { name, sizeof(name) - 1 }, parse },
#define LQ_TAG_PART(id, name) [LQ_TAG_##id] = { { name, sizeof(name) - 1 }, NULL },
#include "tags.def"
#undef LQ_TAG
#undef LQ_TAG_PART
};

size_t
lq_depth_max(const struct lq_options *options)
{
    return options->limits.depth < DEPTH_MAX ? options->limits.depth : DEPTH_MAX;
}

bool
lq_parser_enter(struct lq_parser *parser, size_t at)
{
    if (parser->depth >= lq_depth_max(parser->options))
        return lq_fault_set(&parser->fault, LQ_ERR_DEPTH, at, "nested more than %zu levels deep",
                            lq_depth_max(parser->options));
    parser->depth++;
    return true;
}

bool
lq_parser_count_node(struct lq_parser *parser)
{
    if (parser->nodes >= parser->options->limits.nodes)
        return lq_fault_set(&parser->fault, LQ_ERR_NODES, SIZE_MAX,
                            "the template has more than %zu parts", parser->options->limits.nodes);
    parser->nodes++;
    return true;
}

void *
lq_parser_alloc(struct lq_parser *parser, size_t size)
{
    void *ret;

    if (!lq_parser_count_node(parser))
        return NULL;
    ret = lq_arena_alloc(&parser->template->arena, size);
    if (ret == NULL)
        (void) lq_fault_memory(&parser->fault);
    return ret;
}

void *
lq_parser_node(struct lq_parser *parser, const struct lq_tag *tag, size_t size,
               bool (*render)(struct lq_run *run, const struct lq_node *node))
{
    struct lq_node *node = lq_parser_alloc(parser, size);

    if (node == NULL)
        return NULL;
    node->at = (uint32_t) tag->at;
    node->render = render;
    return node;
}

static size_t
position_of(const struct lq_parser *parser, const char *at)
{
    return (size_t) (at - parser->source.data);
}

/* A tag token from `start`, whose closing delimiter is searched from `from`. */
static struct lq_token
finish_tag(struct lq_parser *parser, size_t start, size_t from, enum lq_token_kind kind)
{
    struct lq_str source = parser->source;
    size_t end = lq_str_find(source, from, LQ_STR("%}"));
    struct lq_token token = { .kind = kind, .closed = end != SIZE_MAX };

    parser->at = token.closed ? end + 2 : source.len;
    token.text = (struct lq_str){ source.data + start, parser->at - start };
    return token;
}

/*
 * An output token. As in the reference it also ends at a single closing brace (and is then not
 * closed), and turns into a tag when one starts inside of it.
 */
static struct lq_token
finish_output(struct lq_parser *parser, size_t start)
{
    struct lq_str source = parser->source;
    struct lq_token token = { .kind = LQ_TOKEN_OUTPUT };
    size_t at = start + 2;

    for (; at < source.len; at++)
    {
        char next = at + 1 < source.len ? source.data[at + 1] : '\0';

        if (source.data[at] == '{' && next == '%')
        {
            token = finish_tag(parser, start, at + 2, LQ_TOKEN_OUTPUT);
            token.closed = false;
            return token;
        }
        if (source.data[at] != '}')
            continue;
        token.closed = next == '}';
        at += 1 + (size_t) token.closed;
        break;
    }
    parser->at = at;
    token.text = (struct lq_str){ source.data + start, at - start };
    return token;
}

static bool
is_white(struct lq_str text)
{
    return lq_str_skip_space(text).len == 0;
}

/* The next line of tag liquid that is not empty. */
static struct lq_token
next_line(struct lq_parser *parser)
{
    const char *data = parser->source.data;

    while (parser->at < parser->lines_end)
    {
        const char *start = data + parser->at;
        const char *end = memchr(start, '\n', parser->lines_end - parser->at);
        size_t len = end == NULL ? parser->lines_end - parser->at : (size_t) (end - start);
        struct lq_token token = { LQ_TOKEN_TAG, true, true, { start, len } };

        parser->at += len + (end != NULL);
        if (!is_white(token.text))
            return token;
    }
    return (struct lq_token){ LQ_TOKEN_END, true, true, { data + parser->at, 0 } };
}

struct lq_token
lq_parser_next(struct lq_parser *parser)
{
    struct lq_str source = parser->source;
    size_t start = parser->at;
    size_t at = start;

    if (parser->lines_end > 0)
        return next_line(parser);

    for (; at + 1 < source.len; at++)
    {
        const char *brace = memchr(source.data + at, '{', source.len - at - 1);

        if (brace == NULL)
            break;
        at = position_of(parser, brace);
        if (brace[1] != '{' && brace[1] != '%')
            continue;
        if (at > start)
        {
            parser->at = at;
            return (struct lq_token){ .kind = LQ_TOKEN_TEXT,
                                      .closed = true,
                                      .text = { source.data + start, at - start } };
        }
        if (brace[1] == '%')
            return finish_tag(parser, start, start + 2, LQ_TOKEN_TAG);
        return finish_output(parser, start);
    }
    parser->at = source.len;
    return (struct lq_token){ .kind = start < source.len ? LQ_TOKEN_TEXT : LQ_TOKEN_END,
                              .closed = true,
                              .text = { source.data + start, source.len - start } };
}

bool
lq_token_trims_right(struct lq_token token)
{
    return !token.bare && token.text.len >= 3 && token.text.data[token.text.len - 3] == '-';
}

static bool
trims_left(struct lq_token token)
{
    return !token.bare && token.text.len >= 3 && token.text.data[2] == '-';
}

/* What stands between the delimiters of a closed token. */
static struct lq_str
token_content(struct lq_token token)
{
    struct lq_str content = { token.text.data + 2, token.text.len - 4 };

    if (token.bare)
        return token.text;
    if (content.len > 0 && content.data[0] == '-')
    {
        content.data++;
        content.len--;
    }
    if (content.len > 0 && content.data[content.len - 1] == '-')
        content.len--;
    return content;
}

static enum lq_tag_id
find_tag(struct lq_str name)
{
    for (size_t i = 0; i < LQ_TAG_COUNT; i++)
    {
        if (lq_str_equal(tags[i].name, name))
            return (enum lq_tag_id) i;
    }
    return LQ_TAG_NONE;
}

bool
lq_parser_split(const struct lq_parser *parser, struct lq_token token, struct lq_tag *ret)
{
    struct lq_str content;
    size_t len = 0;

    if (token.kind != LQ_TOKEN_TAG || !token.closed)
        return false;
    content = lq_str_skip_space(token_content(token));
    while (len < content.len && lq_is_word(content.data[len]))
        len++;
    if (len == 0 && content.len > 0 && content.data[0] == '#')
        len = 1;
    ret->at = position_of(parser, token.text.data);
    ret->name = (struct lq_str){ content.data, len };
    ret->id = find_tag(ret->name);
    ret->markup = lq_str_skip_space((struct lq_str){ content.data + len, content.len - len });
    return len > 0;
}

bool
lq_parser_never_closed(struct lq_parser *parser, const struct lq_tag *tag)
{
    return lq_fault_set(&parser->fault, LQ_ERR_SYNTAX, tag->at,
                        "tag \"%.*s\" was never closed by \"end%.*s\"", LQ_QUOTE(tag->name),
                        LQ_QUOTE(tag->name));
}

bool
lq_parser_unexpected(struct lq_parser *parser, const struct lq_tag *tag, const struct lq_tag *stop)
{
    return lq_fault_set(&parser->fault, LQ_ERR_SYNTAX, stop->at,
                        "unexpected tag \"%.*s\" inside of tag \"%.*s\", expected \"end%.*s\"",
                        LQ_QUOTE(stop->name), LQ_QUOTE(tag->name), LQ_QUOTE(tag->name));
}

/* A part or end of a tag stands where none is open. */
static bool
outside(struct lq_parser *parser, const struct lq_tag *stop)
{
    return lq_fault_set(&parser->fault, LQ_ERR_SYNTAX, stop->at,
                        "unexpected tag \"%.*s\" outside of its block", LQ_QUOTE(stop->name));
}

static bool
unknown_tag(struct lq_parser *parser, const struct lq_tag *tag)
{
    struct lq_nearest nearest;

    lq_nearest_init(&nearest, tag->name);
    for (size_t i = 0; i < LQ_TAG_COUNT; i++)
        lq_nearest_offer(&nearest, tags[i].name);
    return lq_fault_unknown(&parser->fault, LQ_ERR_SYNTAX, tag->at, "tag", &nearest);
}

static void
append(struct lq_block *block, struct lq_node *node)
{
    if (block->last == NULL)
        block->first = node;
    else
        block->last->next = node;
    block->last = node;
}

/* Foresee where in HTML the text stands; rendering checks that it was right. */
static void
scan_text(struct lq_parser *parser, struct lq_markup *markup)
{
    markup->before = parser->html;
    lq_html_scan(parser->html, markup->text.text, &markup->scan);
    parser->html = markup->scan.after;
}

struct lq_node *
lq_parser_text(struct lq_parser *parser, const struct lq_tag *place, struct lq_str content)
{
    bool html = parser->options->escape == LQ_ESCAPE_HTML;
    struct lq_text *text =
        lq_parser_node(parser, place, html ? sizeof(struct lq_markup) : sizeof(struct lq_text),
                       html ? lq_render_markup : lq_render_text);

    if (text == NULL)
        return NULL;
    text->text = content;
    if (html)
        scan_text(parser, (struct lq_markup *) text);
    return &text->node;
}

static bool
add_text(struct lq_parser *parser, struct lq_block *block, struct lq_str content)
{
    struct lq_tag place = { .at = position_of(parser, content.data) };
    struct lq_node *text;

    if (parser->trim)
        content = lq_str_lstrip(content);
    parser->trim = false;
    text = lq_parser_text(parser, &place, content);
    if (text == NULL)
        return false;
    text->text = true;
    block->blank = block->blank && is_white(content);
    append(block, text);
    block->trimmable = text;
    return true;
}

static bool
render_output(struct lq_run *run, const struct lq_node *node)
{
    const struct output *output = (const struct output *) node;
    const struct lq_value *value = lq_eval_pipeline(run, &output->pipeline);

    return value != NULL &&
           lq_print_output(run, value, output->pipeline.verbatim, output->pipeline.trusted);
}

struct lq_node *
lq_parser_output(struct lq_parser *parser, const struct lq_tag *place, struct lq_str markup)
{
    struct output *output;
    struct lq_lexer lexer;

    lq_lexer_init(&lexer, parser, markup);
    if (lq_layout_is_super(&lexer))
        return lq_layout_super(parser, place);
    output = lq_parser_node(parser, place, sizeof(*output), render_output);
    if (output == NULL)
        return NULL;
    parser->html = lq_html_output(parser->html);
    return lq_parse_pipeline(&lexer, &output->pipeline) ? &output->node : NULL;
}

static bool
add_output(struct lq_parser *parser, struct lq_block *block, struct lq_token token)
{
    struct lq_tag place = { .at = position_of(parser, token.text.data) };
    struct lq_node *node;

    if (!token.closed)
        return lq_fault_set(&parser->fault, LQ_ERR_SYNTAX, place.at,
                            "\"{{\" is not closed by \"}}\"");
    node = lq_parser_output(parser, &place, token_content(token));
    if (node == NULL)
        return false;
    block->blank = false;
    append(block, node);
    return true;
}

static bool
add_tag(struct lq_parser *parser, struct lq_block *block, const struct lq_tag *tag)
{
    struct lq_node *node = NULL;

    if (!tags[tag->id].parse(parser, tag, &node))
        return false;
    if (node == NULL)
        return true;
    block->blank = block->blank && node->blank;
    append(block, node);
    return true;
}

static void
trim(struct lq_parser *parser, struct lq_block *block, struct lq_token token)
{
    if (trims_left(token) && block->trimmable != NULL)
    {
        struct lq_text *text = (struct lq_text *) block->trimmable;

        text->text = lq_str_rstrip(text->text);
        if (parser->options->escape == LQ_ESCAPE_HTML)
        {
            parser->html = ((struct lq_markup *) text)->before;
            scan_text(parser, (struct lq_markup *) text);
        }
    }
    block->trimmable = NULL;
    parser->trim = lq_token_trims_right(token);
}

static bool
missing_tag_end(struct lq_parser *parser, struct lq_token token)
{
    return lq_fault_set(&parser->fault, LQ_ERR_SYNTAX, position_of(parser, token.text.data),
                        token.closed ? "expected the name of a tag behind \"{%%\""
                                     : "\"{%%\" is not closed by \"%%}\"");
}

/* Parse nodes up to a tag that is no tag of its own (ret_stop) or the end (LQ_TAG_NONE). */
static bool
parse_nodes(struct lq_parser *parser, struct lq_block *block, struct lq_tag *ret_stop)
{
    for (;;)
    {
        struct lq_token token = lq_parser_next(parser);

        switch (token.kind)
        {
            case LQ_TOKEN_END:
                *ret_stop = (struct lq_tag){ .id = LQ_TAG_NONE, .at = parser->at };
                return true;
            case LQ_TOKEN_TEXT:
                if (!add_text(parser, block, token.text))
                    return false;
                break;
            case LQ_TOKEN_OUTPUT:
                trim(parser, block, token);
                if (!add_output(parser, block, token))
                    return false;
                break;
            case LQ_TOKEN_TAG:
                trim(parser, block, token);
                if (!lq_parser_split(parser, token, ret_stop))
                    return missing_tag_end(parser, token);
                if (ret_stop->id == LQ_TAG_NONE)
                    return unknown_tag(parser, ret_stop);
                if (tags[ret_stop->id].parse == NULL)
                    return true;
                if (!add_tag(parser, block, ret_stop))
                    return false;
                break;
        }
    }
}

bool
lq_parser_body(struct lq_parser *parser, const struct lq_tag *tag, struct lq_block *block,
               struct lq_tag *ret_stop)
{
    *block = (struct lq_block){ .blank = true };
    if (!lq_parser_enter(parser, tag->at))
        return false;
    if (!parse_nodes(parser, block, ret_stop))
        return false;
    lq_parser_leave(parser);
    return ret_stop->id != LQ_TAG_NONE || lq_parser_never_closed(parser, tag);
}

/* Go on reading where `outer`, a copy of the parser, stands. */
static void
resume(struct lq_parser *parser, const struct lq_parser *outer)
{
    parser->source = outer->source;
    parser->partial = outer->partial;
    parser->family = outer->family;
    parser->in_block = outer->in_block;
    parser->at = outer->at;
    parser->lines_end = outer->lines_end;
    parser->trim = outer->trim;
    parser->html = outer->html;
}

bool
lq_parser_lines(struct lq_parser *parser, const struct lq_tag *tag, struct lq_block *block)
{
    struct lq_parser outer = *parser;
    struct lq_tag stop;

    *block = (struct lq_block){ .blank = true };
    parser->at = position_of(parser, tag->markup.data);
    parser->lines_end = parser->at + tag->markup.len;
    if (parser->lines_end > 0 &&
        (!lq_parser_enter(parser, tag->at) || !parse_nodes(parser, block, &stop)))
        return false;
    lq_parser_leave(parser);
    resume(parser, &outer);
    return stop.id == LQ_TAG_NONE || outside(parser, &stop);
}

void
lq_block_drop_text(struct lq_block *block)
{
    struct lq_node *node = block->first;

    block->first = block->last = block->trimmable = NULL;
    while (node != NULL)
    {
        struct lq_node *next = node->next;

        node->next = NULL;
        if (!node->text)
            append(block, node);
        node = next;
    }
}

static bool
grow_names(struct lq_parser *parser, struct lq_names *names)
{
    const struct lq_mem *mem = &parser->template->mem;
    size_t capacity = names->capacity == 0 ? NAMES_MIN : 2 * names->capacity;
    struct lq_str *grown;

    if (names->count < names->capacity)
        return true;
    if (names->names == NULL)
        grown = mem->alloc(mem->ctx, capacity * sizeof(*grown));
    else
        grown = mem->realloc(mem->ctx, names->names, capacity * sizeof(*grown));
    if (grown == NULL)
        return lq_fault_memory(&parser->fault);
    names->names = grown;
    names->capacity = capacity;
    return true;
}

bool
lq_parser_intern(struct lq_parser *parser, struct lq_names *names, struct lq_str name,
                 uint32_t *ret)
{
    *ret = lq_index_find(&names->index, names->names, names->count, sizeof(name), name);
    if (*ret != UINT32_MAX)
        return true;
    if (!grow_names(parser, names))
        return false;
    names->names[names->count] = name;
    if (!lq_index_add(&names->index, names->names, names->count + 1, sizeof(name),
                      &parser->template->mem))
        return lq_fault_memory(&parser->fault);
    *ret = (uint32_t) names->count++;
    return true;
}

/* Copy a source into the template, with a NUL behind it; false when out of memory. */
static bool
keep_source(struct lq_template *template, struct lq_str source, struct lq_str *ret)
{
    char *copy = lq_arena_bytes(&template->arena, source.len + 1);

    if (copy == NULL)
        return false;
    if (source.len > 0)
        memcpy(copy, source.data, source.len);
    copy[source.len] = '\0';
    *ret = (struct lq_str){ copy, source.len };
    return true;
}

static struct lq_template *
create_template(struct lq_str source, const struct lq_options *options)
{
    const struct lq_mem *mem = &options->mem;
    struct lq_template *template = mem->alloc(mem->ctx, sizeof(*template));

    if (template == NULL)
        return NULL;
    memset(template, 0, sizeof(*template));
    template->mem = *mem;
    lq_arena_init(&template->arena, &template->mem, 2 * source.len);
    if (!keep_source(template, source, &template->source))
    {
        mem->free(mem->ctx, template);
        return NULL;
    }
    template->root.blank = true;
    return template;
}

static void
finish_names(struct lq_names *names, const struct lq_mem *mem)
{
    if (names->names != NULL)
        mem->free(mem->ctx, names->names);
    lq_index_finish(&names->index, mem);
}

void
lq_template_destroy(struct lq_template *template)
{
    struct lq_mem mem;

    if (template == NULL)
        return;
    mem = template->mem;
    finish_names(&template->variables, &mem);
    finish_names(&template->loops, &mem);
    lq_arena_finish(&template->arena);
    mem.free(mem.ctx, template);
}

static bool
check_source(struct lq_parser *parser, struct lq_str source)
{
    size_t limit = parser->options->limits.source_bytes;
    size_t good;

    if (source.len > limit || source.len >= UINT32_MAX)
        return lq_fault_set(&parser->fault, LQ_ERR_SOURCE, SIZE_MAX,
                            "the template is longer than %zu bytes", limit);
    good = lq_utf8_valid_prefix(source);
    if (good == source.len)
        return true;
    return lq_fault_set(&parser->fault, LQ_ERR_UTF8, good, "the template is not valid UTF-8");
}

/* Parse the parser's source from its start to its end. */
static bool
parse_whole(struct lq_parser *parser, struct lq_block *block)
{
    struct lq_tag stop;

    if (!parse_nodes(parser, block, &stop))
        return false;
    return stop.id == LQ_TAG_NONE ? lq_layout_finish(parser, block) : outside(parser, &stop);
}

/* Parse a partial's source in the place of the one that names it. */
static bool
parse_partial(struct lq_parser *parser, struct lq_partial *partial, struct lq_family *ret_family)
{
    struct lq_parser outer = *parser;
    bool done;

    parser->source = partial->source;
    parser->partial = partial;
    parser->family = (struct lq_family){ .depth = parser->depth + 1 };
    parser->in_block = false;
    parser->at = 0;
    parser->lines_end = 0;
    parser->trim = false;
    parser->html = LQ_HTML_TEXT;
    done = check_source(parser, partial->source) && lq_parser_enter(parser, 0) &&
           parse_whole(parser, &partial->block);
    if (!done)
        return lq_fault_inside(&parser->fault, partial);
    lq_parser_leave(parser);
    *ret_family = parser->family;
    resume(parser, &outer);
    return true;
}

static bool
find_source(const struct lq_options *options, struct lq_str name, struct lq_str *ret)
{
    if (options->uses == NULL)
        return options->partial != NULL && options->partial(options->host, name, ret);
    options->uses(options->host, name);
    *ret = LQ_STR("");
    return true;
}

/* A partial with the source that the host has for it; NULL after a fault. */
static struct lq_partial *
fetch_partial(struct lq_parser *parser, struct lq_str name, const char *what, size_t at)
{
    struct lq_partial *partial;
    struct lq_str source;

    if (!find_source(parser->options, name, &source))
    {
        (void) lq_fault_set(&parser->fault, LQ_ERR_SYNTAX, at, "unknown %s \"%.*s\"", what,
                            LQ_QUOTE(name));
        return NULL;
    }
    partial = lq_parser_alloc(parser, sizeof(*partial));
    if (partial == NULL)
        return NULL;
    if (!keep_source(parser->template, source, &partial->source))
    {
        (void) lq_fault_memory(&parser->fault);
        return NULL;
    }
    partial->name = name;
    partial->block.blank = true;
    return partial;
}

const struct lq_partial *
lq_parser_partial(struct lq_parser *parser, struct lq_str name, size_t at)
{
    struct lq_partial *partial = parser->template->partials;
    struct lq_family family;

    while (partial != NULL && !lq_str_equal(partial->name, name))
        partial = partial->next;
    if (partial != NULL) /* perhaps it is still being parsed: it names itself */
        return partial;
    partial = fetch_partial(parser, name, "partial", at);
    if (partial == NULL)
        return NULL;
    partial->next = parser->template->partials;
    parser->template->partials = partial;
    return parse_partial(parser, partial, &family) ? partial : NULL;
}

const struct lq_partial *
lq_parser_layout(struct lq_parser *parser, struct lq_str name, size_t at)
{
    struct lq_partial *partial = fetch_partial(parser, name, "layout", at);
    struct lq_family family;

    if (partial == NULL || !parse_partial(parser, partial, &family))
        return NULL;
    parser->family.blocks = family.blocks;
    parser->family.count = family.count;
    return partial;
}

enum lq_code
lq_parse(struct lq_str source, const struct lq_options *options, struct lq_template **ret,
         struct lq_error *reterr)
{
    struct lq_parser parser = { .options = options };

    if (!check_source(&parser, source))
        goto out;
    parser.template = create_template(source, options);
    if (parser.template == NULL)
    {
        (void) lq_fault_memory(&parser.fault);
        goto out;
    }
    parser.source = parser.template->source;
    (void) parse_whole(&parser, &parser.template->root);
out:
    if (parser.fault.code == LQ_OK)
    {
        *ret = parser.template;
        return LQ_OK;
    }
    lq_fault_report(&parser.fault, source, reterr);
    lq_template_destroy(parser.template);
    return parser.fault.code;
}
