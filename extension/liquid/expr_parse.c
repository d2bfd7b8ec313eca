/* Parses expressions and filter chains. */
#include <string.h>

#include "filter.h"
#include "tag.h"
#include "utf8.h"

static const struct literal
{
    struct lq_str word;
    const struct lq_value *value;
    const struct lq_value *operand; /* in a condition */
} literals[] = {
    { { "nil", 3 }, &lq_value_nil, &lq_value_nil },
    { { "null", 4 }, &lq_value_nil, &lq_value_nil },
    { { "true", 4 }, &lq_value_true, &lq_value_true },
    { { "false", 5 }, &lq_value_false, &lq_value_false },
    { { "blank", 5 }, &lq_value_no_text, &lq_value_blank },
    { { "empty", 5 }, &lq_value_no_text, &lq_value_empty },
};

static struct lq_expr *
new_expr(struct lq_lexer *lexer, enum lq_expr_kind kind)
{
    struct lq_expr *expr = lq_parser_alloc(lexer->parser, sizeof(*expr));

    if (expr == NULL)
        return NULL;
    expr->kind = (uint8_t) kind;
    expr->at = (uint32_t) lq_lexer_position(lexer);
    expr->source = lexer->text;
    return expr;
}

static struct lq_value *
new_literal(struct lq_lexer *lexer, struct lq_expr *expr, enum lq_type type)
{
    struct lq_value *value = lq_arena_alloc(&lexer->parser->template->arena, sizeof(*value));

    if (value == NULL)
    {
        (void) lq_fault_memory(&lexer->parser->fault);
        return NULL;
    }
    value->type = (uint8_t) type;
    expr->literal = value;
    return value;
}

static const struct lq_expr *
parse_string(struct lq_lexer *lexer)
{
    struct lq_expr *expr = new_expr(lexer, LQ_EXPR_LITERAL);
    struct lq_value *value = expr == NULL ? NULL : new_literal(lexer, expr, LQ_STRING);

    if (value == NULL)
        return NULL;
    value->string = (struct lq_str){ lexer->text.data + 1, lexer->text.len - 2 };
    lq_lexer_next(lexer);
    return expr;
}

/* An integer too large for int64 keeps its digits, without leading zeros. */
static bool
set_large(struct lq_lexer *lexer, struct lq_value *value)
{
    struct lq_str digits = lexer->text;
    bool negative = digits.data[0] == '-';
    char *copy = lq_arena_bytes(&lexer->parser->template->arena, digits.len);

    if (copy == NULL)
        return lq_fault_memory(&lexer->parser->fault);
    while (digits.data[0] == '-' || digits.data[0] == '0')
    {
        digits.data++;
        digits.len--;
    }
    copy[0] = '-';
    memcpy(copy + negative, digits.data, digits.len);
    value->type = LQ_BIGINT;
    value->string = (struct lq_str){ copy, digits.len + negative };
    return true;
}

static const struct lq_expr *
parse_number(struct lq_lexer *lexer)
{
    struct lq_expr *expr = new_expr(lexer, LQ_EXPR_LITERAL);
    struct lq_value *value = expr == NULL ? NULL : new_literal(lexer, expr, LQ_INT);
    struct lq_str text = lexer->text;

    if (value == NULL)
        return NULL;
    if (memchr(text.data, '.', text.len) != NULL)
    {
        value->type = LQ_FLOAT;
        lq_real_parse(text, &value->real);
    }
    else if (!lq_int_parse(text, &value->integer) && !set_large(lexer, value))
        return NULL;
    lq_lexer_next(lexer);
    return expr;
}

/* A range of two literals is a literal, and its ends are cut to integers. */
static bool
literal_bound(const struct lq_expr *expr, int64_t *ret)
{
    const struct lq_value *value = expr->literal;

    *ret = 0;
    switch (value->type)
    {
        case LQ_INT:
            *ret = value->integer;
            return true;
        case LQ_FLOAT:
            return lq_real_truncate(&value->real, ret);
        case LQ_STRING:
            *ret = lq_text_to_int(value->string);
            return true;
        default:
            return value->type == LQ_NIL;
    }
}

static const struct lq_expr *
finish_range(struct lq_lexer *lexer, struct lq_expr *expr)
{
    const struct lq_expr *first = expr->range.first;
    const struct lq_expr *last = expr->range.last;
    struct lq_value *value;
    int64_t bound[2];

    expr->source.len = (size_t) (lexer->end - expr->source.data);
    if (first->kind != LQ_EXPR_LITERAL || last->kind != LQ_EXPR_LITERAL)
        return expr;
    if (!literal_bound(first, &bound[0]) || !literal_bound(last, &bound[1]))
    {
        (void) lq_fault_set(&lexer->parser->fault, LQ_ERR_SYNTAX, expr->at,
                            "the ends of a range must be integers");
        return NULL;
    }
    expr->kind = LQ_EXPR_LITERAL;
    value = new_literal(lexer, expr, LQ_RANGE);
    if (value == NULL)
        return NULL;
    value->range.first = bound[0];
    value->range.last = bound[1];
    return expr;
}

static const struct lq_expr *
parse_range(struct lq_lexer *lexer)
{
    struct lq_expr *expr = new_expr(lexer, LQ_EXPR_RANGE);

    if (expr == NULL)
        return NULL;
    lq_lexer_next(lexer);
    expr->range.first = lq_parse_expr(lexer, false);
    if (expr->range.first == NULL)
        return NULL;
    if (lexer->kind != LQ_LEX_DOTDOT)
    {
        (void) lq_lexer_fail(lexer, "\"..\"");
        return NULL;
    }
    lq_lexer_next(lexer);
    expr->range.last = lq_parse_expr(lexer, false);
    if (expr->range.last == NULL)
        return NULL;
    if (!lq_lexer_accept(lexer, ')'))
    {
        (void) lq_lexer_fail(lexer, "\")\"");
        return NULL;
    }
    return finish_range(lexer, expr);
}

/* [expression]; the opening bracket is the current lexeme. */
static const struct lq_expr *
parse_index(struct lq_lexer *lexer)
{
    const struct lq_expr *index;

    lq_lexer_next(lexer);
    index = lq_parse_expr(lexer, false);
    if (index == NULL)
        return NULL;
    if (!lq_lexer_accept(lexer, ']'))
    {
        (void) lq_lexer_fail(lexer, "\"]\"");
        return NULL;
    }
    return index;
}

static enum lq_command
command_of(struct lq_str name)
{
    if (lq_str_equal(name, LQ_STR("size")))
        return LQ_COMMAND_SIZE;
    if (lq_str_equal(name, LQ_STR("first")))
        return LQ_COMMAND_FIRST;
    if (lq_str_equal(name, LQ_STR("last")))
        return LQ_COMMAND_LAST;
    return LQ_COMMAND_NONE;
}

static bool
parse_segments(struct lq_lexer *lexer, struct lq_expr *expr)
{
    const struct lq_segment **tail = &expr->path.segments;

    while (lq_lexer_at(lexer, '.') || lq_lexer_at(lexer, '['))
    {
        struct lq_segment *segment = lq_parser_alloc(lexer->parser, sizeof(*segment));

        if (segment == NULL)
            return false;
        *tail = segment;
        tail = &segment->next;
        if (lq_lexer_at(lexer, '['))
        {
            segment->index = parse_index(lexer);
            if (segment->index == NULL)
                return false;
            continue;
        }
        lq_lexer_next(lexer);
        if (lexer->kind != LQ_LEX_ID)
            return lq_lexer_fail(lexer, "a property name");
        segment->name.type = LQ_STRING;
        segment->name.string = lexer->text;
        segment->command = (uint8_t) command_of(lexer->text);
        lq_lexer_next(lexer);
    }
    expr->source.len = (size_t) (lexer->end - expr->source.data);
    return true;
}

static const struct lq_expr *
parse_path(struct lq_lexer *lexer)
{
    struct lq_names *variables = &lexer->parser->template->variables;
    struct lq_expr *expr = new_expr(lexer, LQ_EXPR_PATH);
    struct lq_str name = lexer->text;

    if (expr == NULL)
        return NULL;
    expr->path.slot = UINT32_MAX;
    if (lexer->kind == LQ_LEX_ID)
        lq_lexer_next(lexer);
    else
    {
        expr->path.name = parse_index(lexer);
        if (expr->path.name == NULL)
            return NULL;
        name.len = 0;
        if (expr->path.name->kind == LQ_EXPR_LITERAL && expr->path.name->literal->type == LQ_STRING)
            name = expr->path.name->literal->string;
    }
    if ((expr->path.name == NULL || name.len > 0) &&
        !lq_parser_intern(lexer->parser, variables, name, &expr->path.slot))
        return NULL;
    return parse_segments(lexer, expr) ? expr : NULL;
}

static const struct lq_expr *
parse_word(struct lq_lexer *lexer, bool condition)
{
    struct lq_lexer ahead = *lexer;

    lq_lexer_next(&ahead);
    if (lq_lexer_at(&ahead, '.') || lq_lexer_at(&ahead, '['))
        return parse_path(lexer);
    for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]); i++)
    {
        struct lq_expr *expr;

        if (!lq_str_equal(lexer->text, literals[i].word))
            continue;
        expr = new_expr(lexer, LQ_EXPR_LITERAL);
        if (expr == NULL)
            return NULL;
        expr->literal = condition ? literals[i].operand : literals[i].value;
        *lexer = ahead;
        return expr;
    }
    return parse_path(lexer);
}

static const struct lq_expr *
parse_any(struct lq_lexer *lexer, bool condition)
{
    if (lexer->kind == LQ_LEX_ID)
        return parse_word(lexer, condition);
    if (lexer->kind == LQ_LEX_STRING)
        return parse_string(lexer);
    if (lexer->kind == LQ_LEX_NUMBER)
        return parse_number(lexer);
    if (lq_lexer_at(lexer, '['))
        return parse_path(lexer);
    if (lq_lexer_at(lexer, '('))
        return parse_range(lexer);
    (void) lq_lexer_fail(lexer, "a value");
    return NULL;
}

const struct lq_expr *
lq_parse_expr(struct lq_lexer *lexer, bool condition)
{
    const struct lq_expr *expr;

    if (!lq_parser_enter(lexer->parser, lq_lexer_position(lexer)))
        return NULL;
    expr = parse_any(lexer, condition);
    lq_parser_leave(lexer->parser);
    return expr;
}

/* Whether the filter takes an argument of that name. */
static bool
knows_name(const struct lq_filter *filter, struct lq_str name)
{
    const char *at = filter->names;

    while (at != NULL && strcmp(at, LQ_ANY_NAME) != 0)
    {
        size_t len = strcspn(at, " ");

        if (lq_str_equal((struct lq_str){ at, len }, name))
            return true;
        at = at[len] == ' ' ? at + len + 1 : NULL;
    }
    return at != NULL;
}

static bool
unknown_name(struct lq_lexer *lexer, const struct lq_filter *filter)
{
    const char *names = filter->names;

    return lq_fault_set(&lexer->parser->fault, LQ_ERR_SYNTAX, lq_lexer_position(lexer),
                        "filter \"%.*s\" takes no argument named \"%.*s\"%s%s%s",
                        LQ_QUOTE(filter->name), LQ_QUOTE(lexer->text),
                        names != NULL ? ", expected \"" : "", names != NULL ? names : "",
                        names != NULL ? "\"" : "");
}

static bool
parse_named(struct lq_lexer *lexer, struct lq_call *call, const struct lq_named ***tail)
{
    struct lq_named *named;

    if (!knows_name(call->filter, lexer->text))
        return unknown_name(lexer, call->filter);
    named = lq_parser_alloc(lexer->parser, sizeof(*named));
    if (named == NULL)
        return false;
    named->name = lexer->text;
    lq_lexer_next(lexer);
    lq_lexer_next(lexer);
    named->expr = lq_parse_expr(lexer, false);
    **tail = named;
    *tail = &named->next;
    call->named_count++;
    return named->expr != NULL;
}

static bool
wrong_arguments(struct lq_lexer *lexer, const struct lq_call *call)
{
    const struct lq_filter *filter = call->filter;
    struct lq_fault *fault = &lexer->parser->fault;

    if (filter->max == 0)
        return lq_fault_set(fault, LQ_ERR_SYNTAX, call->at, "filter \"%.*s\" takes no argument",
                            LQ_QUOTE(filter->name));
    if (filter->min == filter->max)
        return lq_fault_set(fault, LQ_ERR_SYNTAX, call->at, "filter \"%.*s\" takes %d argument%s",
                            LQ_QUOTE(filter->name), filter->min, filter->min == 1 ? "" : "s");
    return lq_fault_set(fault, LQ_ERR_SYNTAX, call->at, "filter \"%.*s\" takes %d to %d arguments",
                        LQ_QUOTE(filter->name), filter->min, filter->max);
}

static bool
parse_arguments(struct lq_lexer *lexer, struct lq_call *call)
{
    const struct lq_filter *filter = call->filter;
    const struct lq_named **tail = &call->named;
    bool counted = (filter->flags & LQ_FILTER_COUNTED) != 0;

    if (lq_lexer_accept(lexer, ':'))
    {
        do
        {
            const struct lq_expr *arg;

            if (lq_lexer_at_keyword(lexer))
            {
                if (!parse_named(lexer, call, &tail))
                    return false;
                continue;
            }
            if (call->arg_count == filter->max)
                return wrong_arguments(lexer, call);
            arg = lq_parse_expr(lexer, false);
            if (arg == NULL)
                return false;
            call->args[call->arg_count++] = arg;
        } while (lq_lexer_accept(lexer, ','));
    }
    if (call->arg_count < filter->min ||
        call->arg_count + (counted && call->named != NULL) > filter->max)
        return wrong_arguments(lexer, call);
    return true;
}

/* The arguments of a filter that is not known. */
static bool
skip_arguments(struct lq_lexer *lexer)
{
    if (!lq_lexer_accept(lexer, ':'))
        return true;
    do
    {
        if (lq_lexer_at_keyword(lexer))
        {
            lq_lexer_next(lexer);
            lq_lexer_next(lexer);
        }
        if (lq_parse_expr(lexer, false) == NULL)
            return false;
    } while (lq_lexer_accept(lexer, ','));
    return true;
}

static bool
unknown_filter(struct lq_lexer *lexer, const struct lq_nearest *nearest)
{
    if (lexer->parser->options->strict)
        return lq_fault_unknown(&lexer->parser->fault, LQ_ERR_SYNTAX, lq_lexer_position(lexer),
                                "filter", nearest);
    lq_lexer_next(lexer);
    return skip_arguments(lexer);
}

/* *ret stays NULL when the filter is not known and need not be. */
static bool
parse_call(struct lq_lexer *lexer, struct lq_call **ret)
{
    struct lq_nearest nearest;
    const struct lq_filter *filter;
    struct lq_call *call;

    *ret = NULL;
    if (lexer->kind != LQ_LEX_ID)
        return lq_lexer_fail(lexer, "a filter name");
    filter = lq_find_filter(lexer->text, &nearest);
    if (filter == NULL)
        return unknown_filter(lexer, &nearest);
    call = lq_parser_alloc(lexer->parser, sizeof(*call));
    if (call == NULL)
        return false;
    call->filter = filter;
    call->at = (uint32_t) lq_lexer_position(lexer);
    *ret = call;
    lq_lexer_next(lexer);
    return parse_arguments(lexer, call);
}

bool
lq_parse_pipeline(struct lq_lexer *lexer, struct lq_pipeline *ret)
{
    const struct lq_call **tail = &ret->calls;

    *ret = (struct lq_pipeline){ 0 };
    if (lexer->kind == LQ_LEX_END)
        return true;
    ret->expr = lq_parse_expr(lexer, false);
    if (ret->expr == NULL)
        return false;
    while (lq_lexer_accept(lexer, '|'))
    {
        struct lq_call *call;

        if (!parse_call(lexer, &call))
            return false;
        ret->verbatim = call != NULL && (call->filter->flags & LQ_FILTER_VERBATIM) != 0;
        ret->trusted = call != NULL && (call->filter->flags & LQ_FILTER_TRUSTED) != 0;
        if (call == NULL)
            continue;
        *tail = call;
        tail = &call->next;
    }
    if (lexer->kind != LQ_LEX_END)
        return lq_lexer_fail(lexer, "\"|\" or the closing delimiter");
    return true;
}
