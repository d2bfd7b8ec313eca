/* Lexemes of the markup inside tags and outputs. */
#ifndef LIQUID_LEXER_H
#define LIQUID_LEXER_H

#include "liquid.h"

struct lq_parser;

enum lq_lexeme
{
    LQ_LEX_END,
    LQ_LEX_ID,
    LQ_LEX_NUMBER,
    LQ_LEX_STRING, /* with its quotes */
    LQ_LEX_COMPARISON,
    LQ_LEX_DOTDOT,
    LQ_LEX_SIGN, /* any other single character of the language */
    LQ_LEX_ERROR /* a fault has been recorded */
};

struct lq_lexer
{
    struct lq_parser *parser;
    struct lq_str rest; /* behind the current lexeme */
    enum lq_lexeme kind;
    struct lq_str text; /* of the current lexeme */
    const char *end;    /* of the lexeme before */
};

/* Start at the first lexeme of markup, which is part of the template's source. A lexer may be
 * copied to look ahead. */
void lq_lexer_init(struct lq_lexer *lexer, struct lq_parser *parser, struct lq_str markup);
void lq_lexer_next(struct lq_lexer *lexer);

/* Whether the current lexeme is this sign; lq_lexer_accept() also steps over it. */
bool lq_lexer_at(const struct lq_lexer *lexer, char sign);
bool lq_lexer_accept(struct lq_lexer *lexer, char sign);

/* The same for a word. */
bool lq_lexer_accept_word(struct lq_lexer *lexer, struct lq_str word);

/* Whether a word followed by a colon stands here. */
bool lq_lexer_at_keyword(const struct lq_lexer *lexer);

/* In front of an attribute: step over what is none, as plain Liquid does; false in strict mode,
 * where it is an error, and when an attribute stands here. */
bool lq_lexer_skip_stray(struct lq_lexer *lexer);

/* Byte position of the current lexeme in the source. */
size_t lq_lexer_position(const struct lq_lexer *lexer);

/* Record that `expected` is missing here; always false. */
bool lq_lexer_fail(const struct lq_lexer *lexer, const char *expected);

#endif
