/* What is not interpreted: comment, doc, raw and the inline comment. */
#include "tag.h"
#include "utf8.h"

/*
 * Where in a token a tag starts that reaches to the token's end: the last {% with a name behind it,
 * wherever it stands. False when there is none.
 */
static bool
find_inner_tag(const struct lq_parser *parser, struct lq_token token, struct lq_tag *ret,
               size_t *ret_start)
{
    size_t len = token.text.len;

    if (len < 4 || token.text.data[len - 2] != '%' || token.text.data[len - 1] != '}')
        return false;
    for (size_t start = len - 3; start-- > 0;)
    {
        struct lq_token inner = { .kind = LQ_TOKEN_TAG,
                                  .closed = true,
                                  .text = { token.text.data + start, token.text.len - start } };

        if (inner.text.data[0] != '{' || inner.text.data[1] != '%' ||
            !lq_parser_split(parser, inner, ret))
            continue;
        *ret_start = start;
        return true;
    }
    return false;
}

/* Skip to behind the tag that ends `tag`; *ret_end is where its content ends. */
static bool
skip_to(struct lq_parser *parser, const struct lq_tag *tag, enum lq_tag_id end_id, size_t *ret_end)
{
    struct lq_token token;

    while (token = lq_parser_next(parser), token.kind != LQ_TOKEN_END)
    {
        struct lq_tag inner;
        size_t start;

        if (token.kind == LQ_TOKEN_TEXT || !find_inner_tag(parser, token, &inner, &start))
            continue;
        if (inner.id == LQ_TAG_DOC && tag->id == LQ_TAG_DOC)
            return lq_fault_set(&parser->fault, LQ_ERR_SYNTAX, tag->at,
                                "tag \"doc\" does not nest");
        if (inner.id != end_id)
            continue;
        parser->trim = lq_token_trims_right(token);
        *ret_end = (size_t) (token.text.data - parser->source.data) + start;
        return true;
    }
    return lq_parser_never_closed(parser, tag);
}

bool
lq_tag_parse_comment(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    size_t depth = 1;
    struct lq_token token;

    *ret = NULL;
    while (token = lq_parser_next(parser), token.kind != LQ_TOKEN_END)
    {
        struct lq_tag inner;
        size_t end;

        if (!lq_parser_split(parser, token, &inner))
            continue;
        if (inner.id == LQ_TAG_RAW && !skip_to(parser, &inner, LQ_TAG_ENDRAW, &end))
            return false;
        if (inner.id == LQ_TAG_COMMENT)
            depth++;
        if (inner.id == LQ_TAG_ENDCOMMENT && --depth == 0)
        {
            parser->trim = lq_token_trims_right(token);
            return true;
        }
    }
    return lq_parser_never_closed(parser, tag);
}

bool
lq_tag_parse_doc(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    size_t end;

    *ret = NULL;
    if (tag->markup.len > 0)
        return lq_fault_set(&parser->fault, LQ_ERR_SYNTAX, tag->at,
                            "tag \"%.*s\" takes no argument", LQ_QUOTE(tag->name));
    return skip_to(parser, tag, LQ_TAG_ENDDOC, &end);
}

bool
lq_tag_parse_raw(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    size_t start = parser->at;
    size_t end;

    if (tag->markup.len > 0)
        return lq_fault_set(&parser->fault, LQ_ERR_SYNTAX, tag->at,
                            "tag \"%.*s\" takes no argument", LQ_QUOTE(tag->name));
    if (!skip_to(parser, tag, LQ_TAG_ENDRAW, &end))
        return false;
    *ret = lq_parser_text(parser, tag, (struct lq_str){ parser->source.data + start, end - start });
    if (*ret != NULL)
        (*ret)->blank = end == start;
    return *ret != NULL;
}

bool
lq_tag_parse_remark(struct lq_parser *parser, const struct lq_tag *tag, struct lq_node **ret)
{
    bool line_start = false;

    *ret = NULL;
    for (size_t i = 0; i < tag->markup.len; i++)
    {
        char c = tag->markup.data[i];

        if (line_start && !lq_is_space(c) && c != '#')
            return lq_fault_set(&parser->fault, LQ_ERR_SYNTAX, tag->at,
                                "each line of an inline comment must start with \"#\"");
        if (c == '\n')
            line_start = true;
        else if (!lq_is_space(c))
            line_start = false;
    }
    return true;
}
