/* Arithmetic filters. */
#include <string.h>

#include "filter.h"

enum
{
    PLACES_MAX = 2 * LQ_DIGITS_MAX
};

const struct lq_value *
lq_new_number(struct lq_run *run, const struct lq_decimal *number)
{
    struct lq_value *value = lq_new_value(run, LQ_INT);
    char digits[LQ_BIG_TEXT];
    char *copy;
    size_t len;

    if (value == NULL)
        return NULL;
    if (number->real)
    {
        value->type = LQ_FLOAT;
        lq_decimal_to_real(number, &value->real);
        return value;
    }
    if (number->magnitude.used == 0)
    {
        value->integer = 0; /* integers have no -0 */
        return value;
    }
    if (number->exponent == 0 && lq_decimal_to_int(number, &value->integer))
        return value;
    value->type = LQ_BIGINT;
    len = lq_decimal_print(number, digits);
    if (!lq_run_spend(run, len))
        return NULL;
    copy = lq_arena_bytes(&run->arena, len);
    if (copy == NULL)
    {
        (void) lq_run_out_of_memory(run);
        return NULL;
    }
    memcpy(copy, digits, len);
    value->string = (struct lq_str){ copy, len };
    return value;
}

const struct lq_value *
lq_number_too_large(struct lq_run *run)
{
    (void) lq_run_fail(run, LQ_ERR_ARGUMENT, "the result of a calculation is too large");
    return NULL;
}

static const struct lq_value *
new_infinity(struct lq_run *run, bool negative)
{
    struct lq_value *value = lq_new_value(run, LQ_FLOAT);

    if (value != NULL)
        value->real = (struct lq_real){ .negative = negative, .infinite = true };
    return value;
}

static const struct lq_value *
calculate(struct lq_run *run, const struct lq_value *left, enum lq_operation operation,
          const struct lq_value *right)
{
    struct lq_decimal a;
    struct lq_decimal b;
    struct lq_decimal result;
    int64_t sum;

    if (left->type == LQ_INT && right->type == LQ_INT && operation <= LQ_MULTIPLY)
    {
        bool overflow = operation == LQ_ADD
                            ? __builtin_add_overflow(left->integer, right->integer, &sum)
                        : operation == LQ_SUBTRACT
                            ? __builtin_sub_overflow(left->integer, right->integer, &sum)
                            : __builtin_mul_overflow(left->integer, right->integer, &sum);

        if (!overflow)
            return lq_new_int(run, sum);
    }
    if (!lq_to_number(run, left, &a) || !lq_to_number(run, right, &b))
        return NULL;
    /* long numbers are work */
    if (!lq_run_step(run, (uint64_t) a.magnitude.used + b.magnitude.used))
        return NULL;
    if (operation >= LQ_DIVIDE && b.magnitude.used == 0)
    {
        if (operation == LQ_DIVIDE && (a.real || b.real) && a.magnitude.used > 0)
            return new_infinity(run, a.negative != b.negative);
        (void) lq_run_fail(run, LQ_ERR_ARGUMENT, "divided by 0");
        return NULL;
    }
    if (!lq_decimal_calculate(&a, operation, &b, &result))
        return lq_number_too_large(run);
    return lq_new_number(run, &result);
}

const struct lq_value *
lq_filter_plus(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    return calculate(run, input, LQ_ADD, args->value[0]);
}

const struct lq_value *
lq_filter_minus(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    return calculate(run, input, LQ_SUBTRACT, args->value[0]);
}

const struct lq_value *
lq_filter_times(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    return calculate(run, input, LQ_MULTIPLY, args->value[0]);
}

const struct lq_value *
lq_filter_divided_by(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    return calculate(run, input, LQ_DIVIDE, args->value[0]);
}

const struct lq_value *
lq_filter_modulo(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    return calculate(run, input, LQ_MODULO, args->value[0]);
}

const struct lq_value *
lq_filter_abs(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    struct lq_decimal number;

    (void) args;
    if (!lq_to_number(run, input, &number))
        return NULL;
    number.negative = false;
    return lq_new_number(run, &number);
}

/* The larger of two numbers, or the smaller one; the input when they are equal. */
static const struct lq_value *
choose(struct lq_run *run, const struct lq_value *input, const struct lq_value *limit, int sign)
{
    struct lq_decimal a;
    struct lq_decimal b;
    int order;

    if (!lq_to_number(run, input, &a) || !lq_to_number(run, limit, &b))
        return NULL;
    if (!lq_decimal_compare(&a, &b, &order))
        return lq_number_too_large(run);
    return lq_new_number(run, order * sign < 0 ? &b : &a);
}

const struct lq_value *
lq_filter_at_least(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    return choose(run, input, args->value[0], 1);
}

const struct lq_value *
lq_filter_at_most(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    return choose(run, input, args->value[0], -1);
}

/* Round to places; `whole`: the result is an integer. */
static const struct lq_value *
round_to(struct lq_run *run, const struct lq_value *input, int32_t places,
         enum lq_rounding rounding, bool whole)
{
    struct lq_decimal number;
    struct lq_decimal result;

    if (!lq_to_number(run, input, &number) ||
        !lq_run_step(run, (uint64_t) number.magnitude.used * number.magnitude.used))
        return NULL;
    if (!lq_decimal_round(&number, places, rounding, &result) || !lq_decimal_spread(&result))
        return lq_number_too_large(run);
    result.real = result.real && !whole;
    return lq_new_number(run, &result);
}

const struct lq_value *
lq_filter_ceil(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    (void) args;
    return round_to(run, input, 0, LQ_ROUND_UP, true);
}

const struct lq_value *
lq_filter_floor(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    (void) args;
    return round_to(run, input, 0, LQ_ROUND_DOWN, true);
}

const struct lq_value *
lq_filter_round(struct lq_run *run, const struct lq_value *input, const struct lq_args *args)
{
    struct lq_decimal places = { 0 };
    struct lq_decimal whole;
    int64_t count = 0;

    if (args->count > 0 && !lq_to_number(run, args->value[0], &places))
        return NULL;
    if (!lq_decimal_round(&places, 0, places.negative ? LQ_ROUND_UP : LQ_ROUND_DOWN, &whole) ||
        !lq_decimal_spread(&whole) || !lq_decimal_to_int(&whole, &count))
        count = places.negative ? -PLACES_MAX : PLACES_MAX;
    count = count > PLACES_MAX ? PLACES_MAX : count < -PLACES_MAX ? -PLACES_MAX : count;
    return round_to(run, input, (int32_t) count, LQ_ROUND_HALF, count <= 0);
}
