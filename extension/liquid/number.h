/*
 * Numbers as the reference computes them, without floating point.
 *
 * Integers are exact. A float is kept as the shortest decimal spelling of a binary double (at most
 * 17 digits); arithmetic on floats is exact decimal arithmetic followed by one rounding to the
 * nearest double. Integers may have up to LQ_DIGITS_MAX digits in arithmetic, any number when they
 * are only printed.
 */
#ifndef LIQUID_NUMBER_H
#define LIQUID_NUMBER_H

#include "liquid.h"

enum
{
    LQ_DIGITS_MAX = 1000,
    LQ_BIG_LIMBS = 256,
    LQ_REAL_TEXT = 32,
    LQ_INT_TEXT = 24,
    LQ_BIG_TEXT = LQ_BIG_LIMBS * 10
};

/* digits * 10^exponent; digits has no trailing zeros and is 0 for zero. */
struct lq_real
{
    uint64_t digits;
    int16_t exponent;
    bool negative;
    bool infinite;
};

/* Unsigned integer, least significant limb first, no leading zero limbs. */
struct lq_big
{
    uint32_t used;
    uint32_t limb[LQ_BIG_LIMBS];
};

/* magnitude * 10^exponent; real tells a decimal fraction from an integer. */
struct lq_decimal
{
    bool negative;
    bool real;
    int32_t exponent;
    struct lq_big magnitude;
};

enum lq_operation
{
    LQ_ADD,
    LQ_SUBTRACT,
    LQ_MULTIPLY,
    LQ_DIVIDE, /* integers: rounded down */
    LQ_MODULO  /* has the divisor's sign */
};

enum lq_rounding
{
    LQ_ROUND_DOWN, /* towards negative infinity */
    LQ_ROUND_UP,
    LQ_ROUND_HALF,     /* to the nearest, halves away from zero */
    LQ_ROUND_HALF_EVEN /* to the nearest, halves to the even digit */
};

void lq_decimal_from_int(int64_t value, struct lq_decimal *ret);

/* From a float that is not infinite. */
void lq_decimal_from_real(const struct lq_real *value, struct lq_decimal *ret);

/* From digits with an optional sign and fraction; false when there are too many digits. */
bool lq_decimal_from_text(struct lq_str text, struct lq_decimal *ret);

/* False when the result has too many digits. A divisor must not be zero. */
bool lq_decimal_calculate(const struct lq_decimal *a, enum lq_operation operation,
                          const struct lq_decimal *b, struct lq_decimal *ret);

/* Round to so many places behind the point (before it, when negative); false when the result has
 * too many digits. */
bool lq_decimal_round(const struct lq_decimal *value, int32_t places, enum lq_rounding rounding,
                      struct lq_decimal *ret);

/* -1, 0 or 1; false when a value is too large to compare. */
bool lq_decimal_compare(const struct lq_decimal *a, const struct lq_decimal *b, int *ret);

/* Write zeros at the end out, so that the exponent is not positive. */
bool lq_decimal_spread(struct lq_decimal *value);

/* The double nearest to the value. */
void lq_decimal_to_real(const struct lq_decimal *value, struct lq_real *ret);

/* An integer's value when it fits. */
bool lq_decimal_to_int(const struct lq_decimal *value, int64_t *ret);

/* How many bytes the magnitude of an integer takes. */
int64_t lq_decimal_bytes(const struct lq_decimal *value);

/* An integer's spelling into ret[LQ_BIG_TEXT]; returns its length. */
size_t lq_decimal_print(const struct lq_decimal *value, char *ret);

/* The double nearest to a spelling in JSON syntax (or digits with a fraction). */
void lq_real_parse(struct lq_str spelling, struct lq_real *ret);

/* The integer part; false when it does not fit. */
bool lq_real_truncate(const struct lq_real *value, int64_t *ret);

/* Both print into arrays of LQ_REAL_TEXT and LQ_INT_TEXT bytes and return the length. */
size_t lq_real_print(const struct lq_real *value, char *ret);
size_t lq_int_print(int64_t value, char *ret);

/* An optional sign and digits, nothing else; false when it does not fit. */
bool lq_int_parse(struct lq_str text, int64_t *ret);

/* Whether the whole of text is a JSON number; *ret_integer: without fraction and exponent. */
bool lq_number_check(struct lq_str text, bool *ret_integer);

#endif
