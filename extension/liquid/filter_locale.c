/* Numbers, amounts of money and plurals as a language writes them. */
#include <string.h>

#include "filter.h"
#include "utf8.h"

enum
{
    PLACES_MAX = 20
};

/* The decimal digits of a number, at least one of them in front of the point. */
struct figure
{
    bool negative;
    struct lq_str integer;
    struct lq_str fraction;
    char digits[LQ_BIG_TEXT];
};

/* -12.50 and the like: no exponent, no sign but minus. */
static bool
is_decimal(struct lq_str text)
{
    size_t points = 0;

    if (text.len > 0 && text.data[0] == '-')
    {
        text.data++;
        text.len--;
    }
    for (size_t i = 0; i < text.len; i++)
    {
        if (text.data[i] == '.' && i > 0 && i + 1 < text.len)
            points++;
        else if (!lq_is_digit(text.data[i]))
            return false;
    }
    return text.len > 0 && points <= 1;
}

static bool
too_large(struct lq_run *run)
{
    return lq_run_fail(run, LQ_ERR_ARGUMENT, "a number has at most %d digits", LQ_DIGITS_MAX);
}

/* Unlike arithmetic this takes nothing for zero, and keeps the zeros at the end of a text. */
static bool
to_decimal(struct lq_run *run, const struct lq_value *value, struct lq_decimal *ret)
{
    struct lq_str text;

    if (lq_value_is_number(value))
        return lq_to_number(run, value, ret);
    if (!lq_to_text(run, value, &text) || !lq_run_scan(run, text.len))
        return false;
    text = lq_str_rstrip(lq_str_lstrip(text));
    if (value->type != LQ_STRING || !is_decimal(text))
        return lq_run_fail(run, LQ_ERR_ARGUMENT, "\"%.*s\" is not a number", LQ_QUOTE(text));
    if (!lq_decimal_from_text(text, ret))
        return too_large(run);
    return true;
}

/*
 * The digits of a decimal with at least `places` behind the point. There is room: numbers have at
 * most LQ_DIGITS_MAX digits and so many places, and neither is increased much by the other.
 */
static void
spell(struct lq_decimal *number, size_t places, struct figure *ret)
{
    size_t fraction = (size_t) -number->exponent;
    size_t len;

    ret->negative = number->negative && number->magnitude.used > 0;
    number->negative = false;
    len = lq_decimal_print(number, ret->digits);
    if (len <= fraction)
    {
        size_t zeros = fraction + 1 - len;

        memmove(ret->digits + zeros, ret->digits, len);
        memset(ret->digits, '0', zeros);
        len += zeros;
    }
    for (; fraction < places; fraction++)
        ret->digits[len++] = '0';
    ret->integer = (struct lq_str){ ret->digits, len - fraction };
    ret->fraction = (struct lq_str){ ret->digits + len - fraction, fraction };
}

/* The digits of a value, rounded to places, or all of them when places are negative. */
static bool
to_figure(struct lq_run *run, const struct lq_value *value, int places, struct figure *ret)
{
    struct lq_decimal number;
    struct lq_decimal rounded;

    /* long numbers are work */
    if (!to_decimal(run, value, &number) ||
        !lq_run_step(run, (uint64_t) number.magnitude.used * number.magnitude.used))
        return false;
    if (!lq_decimal_round(&number, places < 0 ? -number.exponent : places, LQ_ROUND_HALF_EVEN,
                          &rounded) ||
        !lq_decimal_spread(&rounded))
        return too_large(run);
    spell(&rounded, places < 0 ? 0 : (size_t) places, ret);
    return true;
}

/* Digits with the locale's signs between and behind them. */
static bool
add_figure(struct lq_builder *builder, const struct figure *figure, const struct lq_locale *locale,
           struct lq_str group, struct lq_str decimal)
{
    size_t size = lq_locale_group_size(locale);
    bool grouped = figure->integer.len >= 3 + lq_locale_group_minimum(locale);

    for (size_t i = 0; i < figure->integer.len; i++)
    {
        size_t rest = figure->integer.len - i;
        bool first = rest == 3 || (rest > 3 && (rest - 3) % size == 0);

        if (grouped && i > 0 && first && !lq_builder_add(builder, group))
            return false;
        if (!lq_builder_add_char(builder, (unsigned char) figure->integer.data[i]))
            return false;
    }
    return figure->fraction.len == 0 ||
           (lq_builder_add(builder, decimal) && lq_builder_add(builder, figure->fraction));
}

const struct lq_value *
lq_filter_number(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    const struct lq_locale *locale = lq_args_locale(run, args);
    struct lq_builder builder = { .run = run };
    struct figure figure;
    int64_t places = -1;

    if (locale == NULL || input->type == LQ_NIL)
        return locale == NULL ? NULL : input;
    if (args->count > 0 && !lq_to_integer(run, args->value[0], &places))
        return NULL;
    if (args->count > 0 && (places < 0 || places > PLACES_MAX))
    {
        (void) lq_run_fail(run, LQ_ERR_ARGUMENT, "a number has 0 to %d decimals, not %lld",
                           PLACES_MAX, (long long) places);
        return NULL;
    }
    if (!to_figure(run, input, (int) places, &figure) ||
        (figure.negative && !lq_builder_add(&builder, lq_locale_text(locale, LQ_TEXT_MINUS))) ||
        !add_figure(&builder, &figure, locale, lq_locale_text(locale, LQ_TEXT_GROUP),
                    lq_locale_text(locale, LQ_TEXT_DECIMAL)))
        return NULL;
    return lq_builder_finish(&builder);
}

/* Whether the character is a sign of a currency, such as €; other symbols are letters, which a
 * number must not touch. */
static bool
is_currency_sign(uint32_t c)
{
    return c == '$' || (c >= 0xa2 && c <= 0xa5) || c == 0xe3f || (c >= 0x20a0 && c <= 0x20cf) ||
           (c >= 0xffe0 && c <= 0xffe6);
}

static bool
is_sign_at(struct lq_str symbol, bool last)
{
    const char *at = symbol.data;

    if (last)
        at += lq_utf8_offset(symbol, lq_utf8_count(symbol) - 1);
    return is_currency_sign(lq_utf8_next(&at));
}

/* The pattern with number, symbol and minus in their places. */
static bool
add_money(struct lq_builder *builder, struct lq_str pattern, const struct figure *figure,
          const struct lq_locale *locale, struct lq_str symbol)
{
    const char *end = pattern.data + pattern.len;
    uint32_t before = 0;

    for (const char *at = pattern.data; at < end;)
    {
        uint32_t c = lq_utf8_next(&at);
        bool touches = (before == 0xa4 && c == '#' && !is_sign_at(symbol, true)) ||
                       (before == '#' && c == 0xa4 && !is_sign_at(symbol, false));
        bool done = !touches || lq_builder_add_char(builder, 0xa0);

        if (c == 0xa4)
            done = done && lq_builder_add(builder, symbol);
        else if (c == '#')
            done = done &&
                   add_figure(builder, figure, locale, lq_locale_text(locale, LQ_TEXT_MONEY_GROUP),
                              lq_locale_text(locale, LQ_TEXT_MONEY_DECIMAL));
        else if (c == '-')
            done = done && lq_builder_add(builder, lq_locale_text(locale, LQ_TEXT_MINUS));
        else
            done = done && lq_builder_add_char(builder, c);
        if (!done)
            return false;
        before = c;
    }
    return true;
}

/* The code of a currency in upper case, and how many decimals it has. */
static bool
to_currency(struct lq_run *run, const struct lq_value *value, char ret_code[LQ_CURRENCY_LENGTH],
            int *ret_decimals)
{
    struct lq_str text;
    size_t len;

    if (!lq_to_text(run, value, &text))
        return false;
    len = text.len == LQ_CURRENCY_LENGTH ? text.len : 0;
    for (size_t i = 0; i < len; i++)
    {
        bool lower = text.data[i] >= 'a' && text.data[i] <= 'z';

        ret_code[i] = (char) (text.data[i] - (lower ? 'a' - 'A' : 0));
    }
    return lq_currency_decimals((struct lq_str){ ret_code, len }, ret_decimals) ||
           lq_run_fail(run, LQ_ERR_ARGUMENT, "unknown currency \"%.*s\"", LQ_QUOTE(text));
}

const struct lq_value *
lq_filter_money(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    const struct lq_locale *locale = lq_args_locale(run, args);
    struct lq_builder builder = { .run = run };
    char code[LQ_CURRENCY_LENGTH];
    struct figure figure;
    struct lq_str pattern;
    struct lq_str symbol;
    size_t half;
    int decimals;

    if (locale == NULL || !to_currency(run, args->value[0], code, &decimals))
        return NULL;
    if (input->type == LQ_NIL)
        return input;
    if (!to_figure(run, input, decimals, &figure))
        return NULL;
    symbol = lq_currency_symbol(locale, (struct lq_str){ code, sizeof(code) });
    pattern = lq_locale_text(locale, LQ_TEXT_MONEY);
    half = lq_str_find(pattern, 0, LQ_STR(";"));
    if (figure.negative && half == SIZE_MAX &&
        !lq_builder_add(&builder, lq_locale_text(locale, LQ_TEXT_MINUS)))
        return NULL;
    if (half != SIZE_MAX)
        pattern = figure.negative
                      ? (struct lq_str){ pattern.data + half + 1, pattern.len - half - 1 }
                      : (struct lq_str){ pattern.data, half };
    return add_money(&builder, pattern, &figure, locale, symbol) ? lq_builder_finish(&builder)
                                                                 : NULL;
}

bool
lq_plurals_of(struct lq_run *run, const struct lq_value *number, const struct lq_locale *locale,
              enum lq_plural ret[LQ_PLURALS_MAX])
{
    struct figure figure;
    bool zero = true;

    if (!to_figure(run, number, -1, &figure))
        return false;
    for (size_t i = 0; i < figure.integer.len + figure.fraction.len; i++)
        zero = zero && figure.digits[i] == '0';
    ret[1] = lq_locale_plural(locale, figure.integer, figure.fraction);
    ret[0] = zero ? LQ_PLURAL_ZERO : ret[1];
    ret[2] = LQ_PLURAL_OTHER;
    return true;
}

/* The form of a category: by its name, or as one of two positional arguments. */
static const struct lq_value *
form_of(const struct lq_args *args, enum lq_plural plural)
{
    const struct lq_value *form = lq_args_named(args, lq_plural_name(plural));

    if (form == NULL && args->count > 0 && plural == LQ_PLURAL_ONE)
        form = args->value[0];
    if (form == NULL && args->count > 1 && plural == LQ_PLURAL_OTHER)
        form = args->value[1];
    return form;
}

const struct lq_value *
lq_filter_pluralize(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    const struct lq_locale *locale = lq_args_locale(run, args);
    enum lq_plural plurals[LQ_PLURALS_MAX];

    if (locale == NULL || input->type == LQ_NIL)
        return locale == NULL ? NULL : input;
    if (form_of(args, LQ_PLURAL_OTHER) == NULL)
    {
        (void) lq_run_fail(
            run, LQ_ERR_ARGUMENT,
            "pluralize takes a singular and a plural, or forms by name with \"other\"");
        return NULL;
    }
    if (!lq_plurals_of(run, input, locale, plurals))
        return NULL;
    for (size_t i = 0; i + 1 < LQ_PLURALS_MAX; i++)
    {
        const struct lq_value *form = form_of(args, plurals[i]);

        if (form != NULL)
            return form;
    }
    return form_of(args, LQ_PLURAL_OTHER);
}
