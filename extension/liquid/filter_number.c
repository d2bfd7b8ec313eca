/* Arithmetic filters. */
#include <string.h>

#include "filter.h"

/* Turn a result into a value: an integer stays exact, a fraction becomes the nearest double. */
static const struct lq_value *
from_decimal(struct lq_run *run, const struct lq_decimal *number)
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
    if (lq_decimal_to_int(number, &value->integer))
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

static const struct lq_value *
calculate(struct lq_run *run, const struct lq_value *left, enum lq_operation operation,
          const struct lq_value *right)
{
    struct lq_decimal a;
    struct lq_decimal b;
    struct lq_decimal result;
    int64_t sum;

    if (left->type == LQ_INT && right->type == LQ_INT)
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
    if (!lq_decimal_calculate(&a, operation, &b, &result))
    {
        (void) lq_run_fail(run, LQ_ERR_ARGUMENT, "the result of a calculation is too large");
        return NULL;
    }
    return from_decimal(run, &result);
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
