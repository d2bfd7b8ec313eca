/* Splits markup into lexemes. */
#include "lexer.h"

#include <string.h>

#include "tag.h"
#include "utf8.h"

size_t
lq_lexer_position(const struct lq_lexer *lexer)
{
    return (size_t) (lexer->text.data - lexer->parser->source.data);
}

bool
lq_lexer_fail(const struct lq_lexer *lexer, const char *expected)
{
    if (lexer->kind == LQ_LEX_END)
        return lq_fault_set(&lexer->parser->fault, LQ_ERR_SYNTAX, lq_lexer_position(lexer),
                            "expected %s before the closing delimiter", expected);
    return lq_fault_set(&lexer->parser->fault, LQ_ERR_SYNTAX, lq_lexer_position(lexer),
                        "expected %s, found \"%.*s\"", expected, LQ_QUOTE(lexer->text));
}

/* Length of the identifier, number, string or sign at the start of text; 0: no lexeme. */
static size_t
measure_id(struct lq_str text)
{
    size_t len = 1;

    while (len < text.len && (lq_is_word(text.data[len]) || text.data[len] == '-'))
        len++;
    return len + (len < text.len && text.data[len] == '?');
}

static size_t
measure_number(struct lq_str text)
{
    size_t len = 1;

    while (len < text.len && lq_is_digit(text.data[len]))
        len++;
    if (len + 1 >= text.len || text.data[len] != '.' || !lq_is_digit(text.data[len + 1]))
        return len;
    len++;
    while (len < text.len && lq_is_digit(text.data[len]))
        len++;
    return len;
}

static size_t
measure_string(struct lq_str text)
{
    const char *end = memchr(text.data + 1, text.data[0], text.len - 1);

    return end == NULL ? 0 : (size_t) (end - text.data) + 1;
}

static size_t
measure_comparison(struct lq_str text)
{
    char next = text.len > 1 ? text.data[1] : '\0';

    switch (text.data[0])
    {
        case '=':
        case '!':
            return next == '=' ? 2 : 0;
        case '<':
            return next == '=' || next == '>' ? 2 : 1;
        case '>':
            return next == '=' ? 2 : 1;
        default:
            return 0;
    }
}

static size_t
measure(struct lq_str text, enum lq_lexeme *ret_kind)
{
    char c = text.data[0];

    if (lq_is_alpha(c) || c == '_')
    {
        *ret_kind = LQ_LEX_ID;
        return measure_id(text);
    }
    if (lq_is_digit(c) || (c == '-' && text.len > 1 && lq_is_digit(text.data[1])))
    {
        *ret_kind = LQ_LEX_NUMBER;
        return measure_number(text);
    }
    if (c == '"' || c == '\'')
    {
        *ret_kind = LQ_LEX_STRING;
        return measure_string(text);
    }
    if (c == '.' && text.len > 1 && text.data[1] == '.')
    {
        *ret_kind = LQ_LEX_DOTDOT;
        return 2;
    }
    if (c != '\0' && strchr("|.:,[]()?-", c) != NULL)
    {
        *ret_kind = LQ_LEX_SIGN;
        return 1;
    }
    *ret_kind = LQ_LEX_COMPARISON;
    return measure_comparison(text);
}

void
lq_lexer_next(struct lq_lexer *lexer)
{
    bool after_dot = lq_lexer_at(lexer, '.');
    size_t len;

    if (lexer->kind == LQ_LEX_ERROR)
        return;
    lexer->end = lexer->rest.data;
    while (lexer->rest.len > 0 && lq_is_space(lexer->rest.data[0]))
    {
        lexer->rest.data++;
        lexer->rest.len--;
    }
    lexer->text = (struct lq_str){ lexer->rest.data, 0 };
    if (lexer->rest.len == 0)
    {
        lexer->kind = LQ_LEX_END;
        return;
    }
    len = measure(lexer->rest, &lexer->kind);
    if (len == 0)
    {
        struct lq_str bad = lexer->rest;

        bad.len = lq_utf8_offset(bad, 1);
        lexer->kind = LQ_LEX_ERROR;
        (void) lq_fault_set(&lexer->parser->fault, LQ_ERR_SYNTAX, lq_lexer_position(lexer),
                            bad.data[0] == '"' || bad.data[0] == '\''
                                ? "string without closing quote"
                                : "unexpected character \"%.*s\"",
                            LQ_QUOTE(bad));
        return;
    }
    lexer->text.len = len;
    lexer->rest.data += len;
    lexer->rest.len -= len;
    if (lexer->kind == LQ_LEX_ID && !after_dot && lq_str_equal(lexer->text, LQ_STR("contains")))
        lexer->kind = LQ_LEX_COMPARISON;
}

void
lq_lexer_init(struct lq_lexer *lexer, struct lq_parser *parser, struct lq_str markup)
{
    *lexer = (struct lq_lexer){ .parser = parser, .rest = markup };
    lq_lexer_next(lexer);
}

bool
lq_lexer_at(const struct lq_lexer *lexer, char sign)
{
    return lexer->kind == LQ_LEX_SIGN && lexer->text.data[0] == sign;
}

bool
lq_lexer_accept(struct lq_lexer *lexer, char sign)
{
    if (!lq_lexer_at(lexer, sign))
        return false;
    lq_lexer_next(lexer);
    return true;
}

bool
lq_lexer_accept_word(struct lq_lexer *lexer, struct lq_str word)
{
    if (lexer->kind != LQ_LEX_ID || !lq_str_equal(lexer->text, word))
        return false;
    lq_lexer_next(lexer);
    return true;
}

bool
lq_lexer_at_keyword(const struct lq_lexer *lexer)
{
    struct lq_str rest = lexer->rest;

    while (rest.len > 0 && lq_is_space(rest.data[0]))
    {
        rest.data++;
        rest.len--;
    }
    return lexer->kind == LQ_LEX_ID && rest.len > 0 && rest.data[0] == ':';
}

bool
lq_lexer_skip_stray(struct lq_lexer *lexer)
{
    if (lexer->parser->options->strict || lexer->kind == LQ_LEX_ERROR || lq_lexer_at_keyword(lexer))
        return false;
    lq_lexer_next(lexer);
    return true;
}
